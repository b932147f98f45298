//! A release waits for the witnesses that the agreement names: with enough of them it goes out, with too few it is a refusal
//! and nothing leaves, and anybody sees in the ledger that it was so (floor F9).

use super::place::{Nobody, Place, at, few_people, in_stage, refused};
use agreement::{Act, CycleId, Decision};
use casework::{Stage, Store as _};
use comity::Error;
use comity::audit::{Audited, audit_files};
use comity::clock::Clock;
use comity::event::Event;
use comity::quorum::Quorum;
use comity::release::release;
use comity::run;
use comity::witness::serve;
use ledger::{Cosigner, Directory, Disk, Leaf, Name, Note, Reader, Verifier, Witness};
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use tokio::sync::oneshot;

fn cosigner(number: u8) -> Cosigner {
    Cosigner::from_random(Name::new(&format!("w{number}.example")).unwrap(), [90 + number; 32])
}

/// A program whose releases wait for two of three witnesses, for two seconds, and a node whose ledger has begun.
struct Watched {
    place: Place,
    addresses: Vec<SocketAddr>,
}

/// A witness at work on a thread of its own, until this is dropped.
struct AtWork(Option<oneshot::Sender<()>>, Option<std::thread::JoinHandle<()>>);

impl Drop for AtWork {
    fn drop(&mut self) {
        drop(self.0.take());
        if let Some(thread) = self.1.take() {
            thread.join().unwrap();
        }
    }
}

impl Watched {
    async fn new() -> Watched {
        let place = Place::with_pilot(1_000);
        place.people(&few_people(7));
        // Addresses that are free, and stay so as long as nobody else on this machine takes them.
        let addresses: Vec<_> = (0..3)
            .map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
            .collect();
        let mut terms = String::from("\n[witnesses]\nquorum = 2\nwithin_seconds = 2\n");
        let mut reached = String::new();
        for (number, address) in (1..).zip(&addresses) {
            let key = cosigner(number).verifier().to_string();
            let _ = write!(terms, "\n[[witnesses.members]]\nid = \"w{number}\"\nkey = \"{key}\"\n");
            let _ = write!(
                reached,
                "\n[[witnesses]]\nid = \"w{number}\"\naddress = \"http://{address}\"\n"
            );
        }
        for (file, more) in [("agreement.toml", terms), ("schedule.toml", reached)] {
            let path = place.folder.join(file);
            let text = fs::read_to_string(&path).unwrap() + &more;
            fs::write(path, text).unwrap();
        }
        drop(place.node(at(0)).await);
        Watched { place, addresses }
    }

    fn key(&self) -> Verifier {
        let text = fs::read_to_string(self.place.places().ledger_key()).unwrap();
        Verifier::parse(text.trim()).unwrap()
    }

    /// Sets a witness to work.
    fn witness(&self, number: u8) -> AtWork {
        let (key, address) = (self.key(), self.addresses[usize::from(number) - 1]);
        let memory = self.place.folder.join(format!("witness-{number}"));
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind(address).await.unwrap();
                let witness =
                    Witness::new(Disk::create(memory).unwrap(), cosigner(number), vec![key]);
                ready.send(()).unwrap();
                let stop = async { stopped.await.unwrap_or(()) };
                serve(listener, None, witness, Clock::fixed(at(5)), stop).await.unwrap();
            });
        });
        is_ready.recv().unwrap();
        AtWork(Some(stop), Some(thread))
    }

    fn audit(&self) -> Audited {
        let gate = agreement::Gate::shipped().unwrap();
        let folder = Directory::new(self.place.places().ledger());
        audit_files(&folder, &self.key(), &[], &gate).unwrap()
    }
}

#[tokio::test]
async fn with_enough_witnesses_it_goes_out_and_the_ledger_shows_that_they_came_first() {
    let watched = Watched::new().await;
    let _two = (watched.witness(1), watched.witness(3));
    watched.place.done(at(1)).await;
    watched.place.assert_sound("after a run with a quorum");
    let events = watched.place.events();
    assert!(
        matches!(&events[1], Event::WitnessesAgreed { quorum: 2, members, .. } if members.len() == 3)
    );
    let mut disclosed = 0;
    for (index, event) in events.iter().enumerate() {
        if matches!(event, Event::Disclosed { .. }) {
            disclosed += 1;
            let Event::CheckpointCosigned { disclosure, note, .. } = &events[index + 1] else {
                unreachable!("its quorum stands right behind it")
            };
            assert_eq!(*disclosure, index as u64);
            assert_eq!(Note::parse(note.as_bytes()).unwrap().signatures().len(), 3);
        }
    }
    assert!(disclosed > 1);
    let said = format!("each of {disclosed} disclosures was in a checkpoint");
    let audited = watched.audit();
    assert!(audited.proved.iter().any(|one| one.starts_with(&said)), "{audited:#?}");
}

#[tokio::test]
async fn with_too_few_it_is_a_refusal_and_what_was_recorded_goes_out_when_they_are_back() {
    let watched = Watched::new().await;
    let one = watched.witness(2);
    let outcome = watched.place.run("2027Q1", at(1)).await;
    assert_eq!(refused(&outcome), ["F9-quorum"]);
    let leads = watched.place.leads().await;
    assert!(leads.iter().all(|lead| lead.stage != Stage::Open && lead.returned.is_none()));
    assert_eq!(watched.place.store().await.disclosed("2027Q1").await.unwrap(), 0);
    let audited = watched.audit();
    assert!(audited.is_sound(), "{:#?}", audited.wrong);
    assert_eq!(audited.open.len(), 1, "{:#?}", audited.open);
    assert!(audited.open[0].contains("nothing says that it was released"), "{:#?}", audited.open);
    // The witness that answered had cosigned, and is asked again from there.
    let _both = (one, watched.witness(3));
    watched.place.done(at(2)).await;
    watched.place.assert_sound("after the witnesses came back");
    let open = in_stage(&watched.place.leads().await, Stage::Open).len() as u64;
    assert_eq!(open, watched.place.disclosed());
}

#[tokio::test]
async fn nothing_shown_or_shown_of_an_older_checkpoint_releases_nothing() {
    let watched = Watched::new().await;
    assert_eq!(refused(&watched.place.run("2027Q1", at(1)).await), ["F9-quorum"]);
    let program = watched.place.program(at(2));
    let node = watched.place.node(at(2)).await;
    let disclosure = node.store.prepared("2027Q1").await.unwrap().remove(0);
    let leaf = Leaf::parse(disclosure.leaf.clone()).unwrap();
    let recorded = || node.find(&leaf).unwrap().unwrap();
    let permit = || {
        let request = super::place::request(&program.filed, Act::RELEASE, &program);
        match node.gate.decide(&request, &program.filed, at(2)) {
            Decision::Permit(permit) => permit,
            Decision::Refusal(refusal) => unreachable!("{refusal}"),
        }
    };
    let quorum = Quorum::of(program.agreement(), &program.schedule, &watched.key());
    let quorum = quorum.unwrap().unwrap();
    let cosigned = |note: &Note, by: &[u8]| {
        let mut signed = note.clone();
        for number in by {
            signed.add(vec![cosigner(*number).cosign(signed.text(), at(2)).unwrap()]).unwrap();
        }
        quorum.judge(&signed)
    };
    let now = Reader::open(Directory::new(node.places.ledger()), watched.key()).unwrap();
    assert!(cosigned(now.note(), &[]).is_err());
    assert!(cosigned(now.note(), &[1]).is_err());
    // As the ledger stood just before the disclosure.
    let signer = fs::read_to_string(node.places.ledger_secret()).unwrap();
    let signer = ledger::Signer::parse(signer.trim()).unwrap();
    let before = ledger::Checkpoint {
        origin: now.checkpoint().origin.clone(),
        size: recorded().index(),
        root: now.checkpoint().root,
    };
    let older = cosigned(&before.sign(&signer).unwrap(), &[1, 2, 3]).unwrap();
    let (filed, clock, store) = (&program.filed, Clock::fixed(at(2)), &node.store);
    for evidence in [None, Some(older)] {
        let out = release(&permit(), recorded(), evidence, &disclosure, filed, &clock, store).await;
        assert!(matches!(out, Err(Error::NoQuorum)), "{out:?}");
    }
    assert_eq!(store.disclosed("2027Q1").await.unwrap(), 0);
    let enough = cosigned(now.note(), &[1, 2]).unwrap();
    let out = release(&permit(), recorded(), Some(enough), &disclosure, filed, &clock, store).await;
    assert!(matches!(out, Ok(comity::release::Released::Out(_))), "{out:?}");
}

#[tokio::test]
async fn a_dry_run_waits_for_nobody() {
    let watched = Watched::new().await;
    let program = watched.place.program(at(1));
    let mut node = watched.place.node(at(1)).await;
    let cycle = CycleId::new("2027Q1").unwrap();
    let tried = Box::pin(run::try_out(&program, &mut node, &cycle, &mut Nobody)).await;
    assert!(matches!(tried, Ok(run::TriedOutcome::Done(_))), "{tried:?}");
}
