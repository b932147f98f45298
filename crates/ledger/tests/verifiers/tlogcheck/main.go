// Command tlogcheck verifies a copy of a ledger with Go's own libraries, golang.org/x/mod/sumdb/note and
// golang.org/x/mod/sumdb/tlog, and with nothing of the program that wrote it.
//
// It takes the folder and the file with the ledger's public key, and optionally checkpoints from before which the
// ledger must continue. It reads the checkpoint, every bundle and every tile; it is done when the entries have the
// hashes of the tiles, the tiles lead to the root, the root is signed, and proofs made from the tiles verify.
//
// Layout: C2SP tlog-tiles. Go's own tile names differ (they carry the height), so paths are made here.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8
const width = 1 << height

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: tlogcheck FOLDER KEYFILE [HELD-CHECKPOINT]...")
		os.Exit(64)
	}
	if err := check(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "NOT sound:", err)
		os.Exit(1)
	}
}

// open reads a signed checkpoint.
func open(file string, verifier note.Verifier) (tlog.Tree, error) {
	message, err := os.ReadFile(file)
	if err != nil {
		return tlog.Tree{}, err
	}
	signed, err := note.Open(message, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.SplitN(signed.Text, "\n", 4)
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("%s: not a checkpoint of %s", file, verifier.Name())
	}
	var size int64
	if _, err := fmt.Sscanf(lines[1], "%d", &size); err != nil || fmt.Sprint(size) != lines[1] || size < 0 {
		return tlog.Tree{}, fmt.Errorf("%s: no size", file)
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return tlog.Tree{}, err
	}
	return tlog.Tree{N: size, Hash: root}, nil
}

// path names a tile as C2SP does.
func path(level string, index int64, hashes int) string {
	name := fmt.Sprintf("%03d", index%1000)
	for rest := index / 1000; rest > 0; rest /= 1000 {
		name = fmt.Sprintf("x%03d/%s", rest%1000, name)
	}
	if hashes < width {
		name += fmt.Sprintf(".p/%d", hashes)
	}
	return filepath.Join("tile", level, filepath.FromSlash(name))
}

// tiles reads tiles of a folder for tlog.
type tiles struct {
	folder string
}

func (t tiles) Height() int { return height }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		data, err := os.ReadFile(filepath.Join(t.folder, path(fmt.Sprint(tile.L), tile.N, tile.W)))
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("tile %d/%d has %d bytes", tile.L, tile.N, len(data))
		}
		all = append(all, data)
	}
	return all, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// bundle reads the entries of a bundle.
func bundle(folder string, index int64, entries int) ([][]byte, error) {
	data, err := os.ReadFile(filepath.Join(folder, path("entries", index, entries)))
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("bundle %d is cut short", index)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		all = append(all, data[2:end])
		data = data[end:]
	}
	if len(all) != entries {
		return nil, fmt.Errorf("bundle %d has %d entries, not %d", index, len(all), entries)
	}
	return all, nil
}

func check(folder, keyFile string, held []string) error {
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(key)))
	if err != nil {
		return err
	}
	tree, err := open(filepath.Join(folder, "checkpoint"), verifier)
	if err != nil {
		return err
	}
	if tree.N == 0 {
		// This version of tlog gives a tree of nothing no hash; RFC 6962 §2.1 does.
		if tree.Hash != tlog.Hash(sha256.Sum256(nil)) {
			return fmt.Errorf("the root of nothing is another")
		}
	}

	// Grow the tree again from the entries alone, keeping all of its hashes.
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, index := range indexes {
			if index >= int64(len(stored)) {
				return nil, fmt.Errorf("no hash %d", index)
			}
			hashes = append(hashes, stored[index])
		}
		return hashes, nil
	})
	for first := int64(0); first < tree.N; first += width {
		count := width
		if rest := tree.N - first; rest < width {
			count = int(rest)
		}
		entries, err := bundle(folder, first/width, count)
		if err != nil {
			return err
		}
		for at, entry := range entries {
			hashes, err := tlog.StoredHashes(first+int64(at), entry, reader)
			if err != nil {
				return err
			}
			stored = append(stored, hashes...)
		}
	}
	if tree.N > 0 {
		root, err := tlog.TreeHash(tree.N, reader)
		if err != nil {
			return err
		}
		if root != tree.Hash {
			return fmt.Errorf("the entries do not have the root that was signed")
		}
	}

	// Every tile that the size implies holds the hashes of that tree.
	for level := 0; tree.N>>(height*level) > 0; level++ {
		hashes := tree.N >> (height * level)
		for index := int64(0); index*width < hashes; index++ {
			count := width
			if rest := hashes - index*width; rest < width {
				count = int(rest)
			}
			data, err := os.ReadFile(filepath.Join(folder, path(fmt.Sprint(level), index, count)))
			if err != nil {
				return err
			}
			var wanted bytes.Buffer
			for at := 0; at < count; at++ {
				hash := stored[tlog.StoredHashIndex(height*level, index*width+int64(at))]
				wanted.Write(hash[:])
			}
			if !bytes.Equal(data, wanted.Bytes()) {
				return fmt.Errorf("tile %d/%d does not follow from the entries", level, index)
			}
		}
	}

	// Proofs made from the tiles, by a reader that authenticates them, verify.
	authenticated := tlog.TileHashReader(tree, tiles{folder})
	for _, index := range []int64{0, 1, 254, 255, 256, 257, tree.N / 2, tree.N - 2, tree.N - 1} {
		if index < 0 || index >= tree.N {
			continue
		}
		proof, err := tlog.ProveRecord(tree.N, index, authenticated)
		if err != nil {
			return err
		}
		leaf := stored[tlog.StoredHashIndex(0, index)]
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf); err != nil {
			return err
		}
	}

	// It continues what was held before.
	for _, file := range held {
		old, err := open(file, verifier)
		if err != nil {
			return err
		}
		if old.N > tree.N {
			return fmt.Errorf("rolled back from %d to %d", old.N, tree.N)
		}
		if old.N == 0 {
			continue
		}
		proof, err := tlog.ProveTree(tree.N, old.N, authenticated)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
			return err
		}
	}
	fmt.Printf("sound: %d entries of %s, root %s, %d held\n", tree.N, verifier.Name(), tree.Hash, len(held))
	return nil
}
