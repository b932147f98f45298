//! Several executors share the partitions of one plan, and one of them is killed in the midst of its work.
//!
//! Each is a process of its own, which shares nothing with the others but a folder: the plan, the model by its digest, the
//! staged rows. What it has done of a partition is there for others only once it has done all of it.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use datafusion_execution::TaskContext;
use datafusion_execution::config::SessionConfig;
use futures::TryStreamExt;
use linkage::plan::{ModelSource, Output};

use super::Told;
use super::wire::{FOLDER, Shelf, Work, line_of, read, runtime, told, told_of_line, written};

/// Names the partitions that an executor is to do, with commas between.
const PARTITIONS: &str = "COMITY_PLAN_PARTITIONS";

/// Names the partition in which it comes to a stop.
const STOPS_IN: &str = "COMITY_PLAN_STOPS_IN";

/// This is an executor, where partitions are named. Otherwise nobody asks.
#[test]
fn an_executor() {
    let Some(numbers) = std::env::var(PARTITIONS).ok() else { return };
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let stops_in = std::env::var(STOPS_IN).ok().map(|number| number.parse::<usize>().unwrap());
    let models: Arc<dyn ModelSource> = Arc::new(Shelf(folder.clone()));
    let bytes = std::fs::read(folder.join("plan")).unwrap();
    for number in numbers.split(',').map(|number| number.parse::<usize>().unwrap()) {
        // Few pairs at a time, so that it stops with most of them to come.
        let few = SessionConfig::new().with_batch_size(16);
        let context = Arc::new(TaskContext::default().with_session_config(few));
        // What an exchange has handed out to one task it doesn't hand out again, so each reads the plan anew.
        let plan = read(&bytes, Arc::clone(&models), &context).unwrap();
        let half_done = folder.join(format!("part-{number}"));
        let mut lines = String::new();
        runtime().block_on(async {
            let mut stream = plan.execute(number, context).unwrap();
            while let Some(batch) = stream.try_next().await.unwrap() {
                lines.extend(told(&[batch]).into_iter().map(line_of));
                std::fs::write(&half_done, &lines).unwrap();
                if stops_in == Some(number) {
                    std::fs::write(folder.join("stopped"), "").unwrap();
                    // Until it is killed, or whoever started it is gone.
                    let _ = std::io::stdin().read(&mut [0]);
                    std::process::exit(1);
                }
            }
        });
        std::fs::write(&half_done, &lines).unwrap();
        std::fs::rename(half_done, folder.join(format!("done-{number}"))).unwrap();
    }
}

/// A process that doesn't outlive its test.
struct Executor(Child);

impl Executor {
    fn start(folder: &Path, partitions: &[usize], stops_in: Option<usize>) -> Self {
        let numbers: Vec<String> = partitions.iter().map(usize::to_string).collect();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "executors::an_executor", "--nocapture"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        command.env(FOLDER, folder).env(PARTITIONS, numbers.join(","));
        if let Some(number) = stops_in {
            command.env(STOPS_IN, number.to_string());
        }
        Self(command.spawn().unwrap())
    }

    fn ends_well(&mut self) -> bool {
        // Waiting lets go of its input, too.
        self.0.wait().unwrap().success()
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_executor_that_is_killed_takes_no_pair_with_it_and_leaves_none_twice() {
    const PARTS: usize = 4;
    for (link, executors) in [("between", 1), ("both", 2), ("within", 4)] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let work = Work::new(link, PARTS, folder);
        let models: Arc<dyn ModelSource> = Arc::new(Arc::clone(&work.model));
        let bytes = written(&work.plan(Output::Pairs(-1000.0)), models);
        std::fs::write(folder.join("plan"), bytes).unwrap();
        let file = Shelf(folder.to_owned()).file(work.model.digest().unwrap());
        std::fs::write(file, work.model.to_toml().unwrap()).unwrap();

        // The last one comes to a stop in its last partition, when some of its pairs are written down.
        let last = PARTS - 1;
        let mut running: Vec<Executor> = (0..executors)
            .map(|executor| {
                let own: Vec<usize> = (executor..PARTS).step_by(executors).collect();
                let stops_in = own.contains(&last).then_some(last);
                Executor::start(folder, &own, stops_in)
            })
            .collect();
        let mut killed = running.pop().unwrap();
        while !folder.join("stopped").exists() {
            assert!(killed.0.try_wait().unwrap().is_none(), "it ended by itself");
            std::thread::sleep(Duration::from_millis(10));
        }
        killed.0.kill().unwrap();
        assert!(!killed.ends_well());
        let case = format!("{link}, {executors} executors");
        assert!(running.iter_mut().all(Executor::ends_well), "{case}");

        let done = |number: &usize| folder.join(format!("done-{number}")).exists();
        let left: Vec<usize> = (0..PARTS).filter(|number| !done(number)).collect();
        assert_eq!(left, [last], "what others did, and what it did before, is there");
        let pairs_in = |name: String| -> Vec<Told> {
            let lines = std::fs::read_to_string(folder.join(name)).unwrap();
            lines.lines().map(told_of_line).collect()
        };
        let part: BTreeSet<Told> = pairs_in(format!("part-{last}")).into_iter().collect();
        assert!(Executor::start(folder, &left, None).ends_well(), "{case}");
        let whole: BTreeSet<Told> = pairs_in(format!("done-{last}")).into_iter().collect();
        assert!(
            !part.is_empty() && part.len() < whole.len() / 2,
            "{case}: it was in the midst of it"
        );
        assert!(part.is_subset(&whole), "{case}: done anew, a pair has the same bits");

        let mut all: Vec<Told> =
            (0..PARTS).flat_map(|number| pairs_in(format!("done-{number}"))).collect();
        all.sort_unstable();
        assert_eq!(all, work.meant, "{case}");
    }
}
