"""Asks aics-tlog, somebody else's verifier from PyPI, whether ledgers are sound.

Each line on the input names a folder with a ledger, its key file, and checkpoints that were held before, with tabs
between them. Each answer is one line: `yes`, or `no` and why. The checkpoint's signature, every tile and every bundle
are verified, an entry is proved to be in it, and every held checkpoint to be continued.
"""

import sys
from pathlib import Path

import aics_tlog
from aics_tlog import tiles
from aics_tlog.checkpoint import checkpoint_from_note, verify_checkpoint


def opened(path, key):
    note = aics_tlog.parse_note(path.read_bytes())
    result = verify_checkpoint(note, key, expected_origin=key.name)
    assert result.ok, result
    checkpoint, _ = checkpoint_from_note(note)
    return checkpoint


def check(folder, key, held):
    key = aics_tlog.parse_vkey(Path(key).read_text().strip())
    head = opened(Path(folder) / "checkpoint", key)
    reader = aics_tlog.FileSystemTileReader(folder)
    if head.size == 0:
        assert head.root == aics_tlog.EMPTY_HASH, "the root of nothing"
    else:
        aics_tlog.audit_tiles(reader, head.size, head.root)
        for index in {0, head.size // 2, head.size - 1}:
            proof = tiles.inclusion_proof_from_tiles(reader, index, head.size)
            leaf = tiles.read_entry(reader, index, head.size)
            assert aics_tlog.verify_leaf_inclusion(leaf, index, head.size, proof, head.root), index
    for path in held:
        old = opened(Path(path), key)
        proof = []
        if 0 < old.size < head.size:
            proof = tiles.consistency_proof_from_tiles(reader, old.size, head.size)
        assert aics_tlog.verify_consistency(old.size, head.size, old.root, head.root, proof), path


for line in sys.stdin:
    folder, key, *held = line.rstrip("\n").split("\t")
    try:
        check(folder, key, held)
        print("yes", flush=True)
    except Exception as error:  # whatever it says, it says no
        print("no", type(error).__name__, str(error).replace("\n", " ")[:200], flush=True)
