//! Two nodes witness each other over mutual TLS, a third joins with a key and an address, and receipts are verified by
//! the program from a file alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says why and fails")]

use comity::Error;
use comity::clock::Clock;
use comity::witness::{Certificates, ask, serve};
use ledger::{
    Commitments, Cosigner, Directory, Disk, Entry, Facts, Kind, Leaf, Log, Name, Policy, Reader,
    Signer, Verifier, Witness,
};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

fn signer(name: &str) -> Signer {
    let byte = u8::try_from(name.len()).unwrap();
    Signer::from_random(Name::new(name).unwrap(), [byte; 32])
}

fn cosigner(name: &str) -> Cosigner {
    let byte = u8::try_from(name.len()).unwrap();
    Cosigner::from_random(Name::new(name).unwrap(), [100 + byte; 32])
}

fn leaf(number: u64) -> Leaf {
    let mut nonce = [0; 32];
    nonce[..8].copy_from_slice(&number.to_be_bytes());
    let (commitment, _) = ledger::commit(nonce, "name", "Ada".into()).unwrap();
    let mut facts = Facts::new();
    facts.insert("number".into(), number.into());
    let commitments = Commitments::from([("name".to_owned(), vec![commitment])]);
    let at = "2027-04-02T09:00:00Z".parse().unwrap();
    Entry::new(Kind::new("demo").unwrap(), at, facts, commitments, nonce)
        .unwrap()
        .to_leaf()
        .unwrap()
}

/// A node's ledger in a folder, and what it can show of it.
fn grown(place: &Path, name: &str, entries: u64) -> Reader<Directory> {
    let (ledger, anchor) = (place.join("ledger"), place.join("anchor"));
    let open = || (Disk::create(&ledger).unwrap(), Disk::create(&anchor).unwrap());
    let (store, kept) = open();
    let mut log = match Log::create(store, kept, signer(name)) {
        Err(ledger::Error::LedgerExists { .. }) => {
            let (store, kept) = open();
            Log::open(store, kept, signer(name)).unwrap()
        }
        other => other.unwrap(),
    };
    let leaves: Vec<_> = (log.size()..entries).map(leaf).collect();
    let _ = log.append(&leaves).unwrap();
    fs::write(place.join("ledger.vkey"), format!("{}\n", signer(name).verifier())).unwrap();
    Reader::open(Directory::new(ledger), signer(name).verifier().clone()).unwrap()
}

/// An authority and the certificates it has signed, as PEM files in a folder.
struct Authority {
    place: tempfile::TempDir,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let place = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let own = parameters.self_signed(&key).unwrap();
        fs::write(place.path().join("authority.pem"), own.pem()).unwrap();
        Authority { place, issuer: rcgen::Issuer::new(parameters, key) }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Signs a certificate for this machine's own address, and reads it back as a node would.
    fn certify(&self, name: &str, trusted: &Authority) -> Certificates {
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let signed = parameters.signed_by(&key, &self.issuer).unwrap();
        let (own, secret) = (self.file(&format!("{name}.pem")), self.file(&format!("{name}.key")));
        fs::write(&own, signed.pem()).unwrap();
        fs::write(&secret, key.serialize_pem()).unwrap();
        Certificates::read(&own, &secret, &trusted.file("authority.pem")).unwrap()
    }
}

/// Runs a witness of one log while `during` asks it.
async fn witnessed<T>(
    place: &Path,
    name: &str,
    logs: Vec<Verifier>,
    certificates: Option<&Certificates>,
    during: impl AsyncFnOnce(SocketAddr) -> T,
) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let witness = Witness::new(Disk::create(place).unwrap(), cosigner(name), logs);
    let config = certificates.map(|certificates| certificates.server().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let clock = Clock::fixed("2027-04-02T09:00:05Z".parse().unwrap());
    let serving = serve(listener, config, witness, clock, async { stopped.await.unwrap_or(()) });
    let asking = async {
        let answer = during(address).await;
        drop(stop);
        answer
    };
    let (served, answer) = tokio::join!(serving, asking);
    served.unwrap();
    answer
}

#[tokio::test]
async fn two_nodes_witness_each_other_over_mutual_tls() {
    let place = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let names = ["payroll.example.gov/2027", "support.example.gov/ledger/2027"];
    let certificates = [authority.certify("one", &authority), authority.certify("two", &authority)];
    let folders = [place.path().join("one"), place.path().join("two")];
    for (own, other) in [(0, 1), (1, 0)] {
        let log = signer(names[own]).verifier().clone();
        let memory = folders[other].join("witness");
        witnessed(&memory, names[other], vec![log], Some(&certificates[other]), async |address| {
            let url = format!("https://{address}");
            let client = certificates[own].client().unwrap();
            let key = cosigner(names[other]).verifier().clone();
            for entries in [0, 1, 300] {
                let reader = grown(&folders[own], names[own], entries);
                let note = ask(&url, Some(client.clone()), &reader, &key).await.unwrap();
                let verified = note.verify(&[&key]).unwrap();
                let at = ledger::cosignature::time(verified.by[0]).unwrap();
                assert_eq!(at.to_string(), "2027-04-02T09:00:05Z");
            }
            // The same key signs another history: the other node does not cosign it.
            let elsewhere = tempfile::tempdir().unwrap();
            let forked = {
                let (store, kept) = (
                    Disk::create(elsewhere.path().join("ledger")).unwrap(),
                    Disk::create(elsewhere.path().join("anchor")).unwrap(),
                );
                let mut log = Log::create(store, kept, signer(names[own])).unwrap();
                let leaves: Vec<_> = (1..400).map(leaf).collect();
                let _ = log.append(&leaves).unwrap();
                drop(log);
                let files = Directory::new(elsewhere.path().join("ledger"));
                Reader::open(files, signer(names[own]).verifier().clone()).unwrap()
            };
            let error = ask(&url, Some(client.clone()), &forked, &key).await.unwrap_err();
            assert!(matches!(error, Error::NotCosigned { status: 422, .. }), "{error}");
            // Nor does it forget: a copy from before is seen to be older.
            let older = grown(elsewhere.path().join("older").as_path(), names[own], 7);
            let error = ask(&url, Some(client), &older, &key).await.unwrap_err();
            assert!(matches!(error, Error::WitnessedMore { witnessed: 300, size: 7 }), "{error}");
        })
        .await;
    }
}

#[tokio::test]
async fn who_shows_no_certificate_or_a_strangers_is_not_answered_and_nothing_goes_unencrypted() {
    let place = tempfile::tempdir().unwrap();
    let (authority, stranger) = (Authority::new(), Authority::new());
    let name = "payroll.example.gov/2027";
    let log = signer(name).verifier().clone();
    let reader = grown(place.path(), name, 3);
    let key = cosigner("court.example.gov").verifier().clone();
    let server = authority.certify("court", &authority);
    let foreign = stranger.certify("foreign", &authority);
    let doubtful = authority.certify("doubtful", &stranger);
    let good = authority.certify("good", &authority);
    witnessed(
        &place.path().join("w"),
        "court.example.gov",
        vec![log.clone()],
        Some(&server),
        async |address| {
            let url = format!("https://{address}/");
            // Another authority than the server trusts; another server than the client trusts; no certificate; no TLS.
            for config in [Some(foreign.client().unwrap()), Some(doubtful.client().unwrap()), None]
            {
                let error = ask(&url, config, &reader, &key).await.unwrap_err();
                assert!(
                    matches!(error, Error::Unreachable { .. } | Error::Unencrypted { .. }),
                    "{error}"
                );
            }
            assert!(ask(&format!("http://{address}"), None, &reader, &key).await.is_err());
            assert!(ask(&url, Some(good.client().unwrap()), &reader, &key).await.is_ok());
        },
    )
    .await;
    for address in ["http://192.0.2.1:80", "ftp://127.0.0.1", "127.0.0.1:80", "https://", ""] {
        assert!(ask(address, None, &reader, &key).await.is_err(), "{address}");
    }
    // Open to everybody without a certificate it does not even begin.
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let witness =
        Witness::new(Disk::create(place.path().join("x")).unwrap(), cosigner("c.example"), [log]);
    let clock = Clock::fixed("2027-04-02T09:00:05Z".parse().unwrap());
    let ended = serve(listener, None, witness, clock, std::future::pending()).await;
    assert!(matches!(ended, Err(Error::Unencrypted { .. })));
}

fn comity(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_comity")).args(words).output().unwrap()
}

#[tokio::test]
async fn a_third_witness_joins_with_a_key_and_an_address_and_receipts_need_nothing_but_their_file()
{
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).display().to_string();
    let name = "payroll.example.gov/2027";
    grown(place.path(), name, 300);
    let log = signer(name).verifier().clone();
    let court = cosigner("court.example.gov").verifier().clone();
    witnessed(
        &place.path().join("court"),
        "court.example.gov",
        vec![log.clone()],
        None,
        async |address| {
            let policy =
                format!("log {log}\nwitness court {court} http://{address}/\nquorum court\n");
            fs::write(place.path().join("policy"), policy).unwrap();
            let words = [
                "witness",
                "ask",
                &path("ledger"),
                "--policy",
                &path("policy"),
                "--to",
                &path("cosigned"),
            ];
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            // The program is another process: this one must go on serving meanwhile.
            let asked = tokio::task::spawn_blocking(move || {
                comity(&words.iter().map(String::as_str).collect::<Vec<_>>())
            });
            let asked = asked.await.unwrap();
            assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stdout));
            assert!(
                String::from_utf8_lossy(&asked.stdout)
                    .contains("court.example.gov at 2027-04-02T09:00:05Z")
            );
        },
    )
    .await;

    let mut nonce = [0; 32];
    nonce[..8].copy_from_slice(&7_u64.to_be_bytes());
    let (_, opening) = ledger::commit(nonce, "name", "Ada".into()).unwrap();
    fs::write(place.path().join("openings"), serde_json::json!([opening]).to_string()).unwrap();
    let made = comity(&[
        "receipt",
        "new",
        &path("ledger"),
        "7",
        "--to",
        &path("7.tlog-proof"),
        "--checkpoint",
        &path("cosigned"),
        "--openings",
        &path("openings"),
    ]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // Ledger and key are gone: the receipt and the policy are all there is.
    fs::remove_dir_all(place.path().join("ledger")).unwrap();
    let verified = comity(&[
        "receipt",
        "verify",
        &path("7.tlog-proof"),
        "--policy",
        &path("policy"),
        "--json",
    ]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let told: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(told["opened"][0]["value"], "Ada");
    assert_eq!((&told["index"], &told["entries"]), (&7.into(), &300.into()));
    assert_eq!(told["cosigned"].as_array().unwrap().len(), 1);

    // Any byte changed, or another key, and it says no.
    let text = fs::read_to_string(place.path().join("7.tlog-proof")).unwrap();
    for (from, to) in [("index 7", "index 8"), ("extra eyJ", "extra eyK"), ("\n300\n", "\n301\n")] {
        assert!(text.contains(from));
        fs::write(place.path().join("wrong"), text.replace(from, to)).unwrap();
        let answer = comity(&["receipt", "verify", &path("wrong"), "--policy", &path("policy")]);
        assert_eq!(answer.status.code(), Some(1), "{from}");
        assert!(String::from_utf8_lossy(&answer.stdout).contains("NOT sound"));
    }
    fs::write(place.path().join("other.vkey"), signer("other.example").verifier().to_string())
        .unwrap();
    let answer =
        comity(&["receipt", "verify", &path("7.tlog-proof"), "--key", &path("other.vkey")]);
    assert_eq!(answer.status.code(), Some(1));
    let answer = comity(&["receipt", "verify", &path("7.tlog-proof")]);
    assert_eq!(answer.status.code(), Some(64));
    let Ok(policy) = Policy::parse(&fs::read(place.path().join("policy")).unwrap()) else {
        panic!("the policy is one");
    };
    assert_eq!(policy.witnesses().count(), 1);
}
