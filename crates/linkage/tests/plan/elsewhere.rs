//! The whole plan goes elsewhere: written to bytes, read in another process, executed a partition at a time.
//!
//! The other process shares nothing with the first but a folder, in which it finds the model by its digest and the files
//! of rows by the names that the plan's scan gives them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt16Type, UInt64Type};
use arrow_array::{RecordBatch, UInt32Array};
use datafusion_datasource::file_scan_config::{FileScanConfig, FileScanConfigBuilder};
use datafusion_datasource::memory::MemorySourceConfig;
use datafusion_datasource::source::DataSourceExec;
use datafusion_execution::TaskContext;
use datafusion_physical_plan::{
    ExecutionPlan, displayable, execution_plan::replace_children_if_necessary,
};
use futures::TryStreamExt;
use linkage::plan::{HeldTables, ModelSource, Output, Rows, Staged, counting_plan};
use linkage::{Error, Pattern};

use super::wire::{
    FOLDER, Shelf, Work, line_of, partitions, partitions_of, read, runtime, told, told_of_line,
    written,
};
use super::{Told, batch, bounds, many, with_neighbours};

/// Executes one partition of a plan to its end.
fn partition(plan: &Arc<dyn ExecutionPlan>, number: usize) -> Vec<RecordBatch> {
    let stream = plan.execute(number, Arc::new(TaskContext::default())).unwrap();
    runtime().block_on(stream.try_collect()).unwrap()
}

/// This is the other process, where a folder is named: it says what came of each partition. Otherwise nobody asks.
#[test]
fn the_other_process() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let bytes = std::fs::read(folder.join("plan")).unwrap();
    let models: Arc<dyn ModelSource> = Arc::new(Shelf(folder.clone()));
    let plan = read(&bytes, models, &TaskContext::default()).unwrap();
    let lines = partitions(&plan).into_iter().enumerate().flat_map(|(number, batches)| {
        told(&batches).into_iter().map(move |told| format!("{number},{}", line_of(told)))
    });
    std::fs::write(folder.join("told"), lines.collect::<String>()).unwrap();
}

#[test]
fn a_plan_written_here_and_executed_in_another_process_gives_the_same_pairs() {
    for (link, partitions) in [("between", 1), ("between", 4), ("within", 3), ("both", 2)] {
        // A name that a file store would take for something else.
        let folder = tempfile::Builder::new().prefix("plän %20 ").tempdir().unwrap();
        let folder = folder.path();
        let work = Work::new(link, partitions, folder);
        let shelf = Shelf(folder.to_owned());
        let file = shelf.file(work.model.digest().unwrap());
        let models: Arc<dyn ModelSource> = Arc::new(Arc::clone(&work.model));
        let bytes = written(&work.plan(Output::Pairs(-1000.0)), models);
        std::fs::write(folder.join("plan"), bytes).unwrap();
        let other = || {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "elsewhere::the_other_process"]).env(FOLDER, folder);
            command.output().unwrap()
        };
        // The model is no part of the plan: without it nothing can be read.
        assert!(!other().status.success());
        std::fs::write(file, work.model.to_toml().unwrap()).unwrap();
        let done = other();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
        let lines = std::fs::read_to_string(folder.join("told")).unwrap();
        let mut by_partition: BTreeMap<usize, usize> = BTreeMap::new();
        let told = lines.lines().map(|line| {
            let (partition, told) = line.split_once(',').unwrap();
            *by_partition.entry(partition.parse().unwrap()).or_insert(0) += 1;
            told_of_line(told)
        });
        let mut told: Vec<Told> = told.collect();
        told.sort_unstable();
        assert_eq!(told, work.meant, "{link}, {partitions} partitions");
        assert_eq!(by_partition.len(), partitions, "every partition did some of it");
    }
}

#[test]
fn a_plan_for_patterns_that_went_through_the_wire_counts_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let work = Work::new("between", 3, folder.path());
    let models: Arc<dyn ModelSource> = Arc::new(Arc::clone(&work.model));
    let bytes = written(&work.plan(Output::Patterns), Arc::clone(&models));
    let plan = read(&bytes, models, &TaskContext::default()).unwrap();
    let mut counted: BTreeMap<(u16, Pattern), u64> = BTreeMap::new();
    for batch in partitions_of(&plan) {
        let rules = batch.column(0).as_primitive::<UInt16Type>();
        let patterns = batch.column(1).as_primitive::<UInt64Type>();
        let pairs = batch.column(2).as_primitive::<UInt64Type>();
        for row in 0..batch.num_rows() {
            let pattern = Pattern::from_word(patterns.value(row));
            *counted.entry((rules.value(row), pattern)).or_insert(0) += pairs.value(row);
        }
    }
    let mut meant: BTreeMap<(u16, Pattern), u64> = BTreeMap::new();
    for (_, _, rule, pattern, _) in work.meant {
        *meant.entry((rule, Pattern::from_word(pattern))).or_insert(0) += 1;
    }
    assert_eq!(counted, meant);
}

/// Goes from the top of a plan down to the operator of this name.
fn below(plan: &Arc<dyn ExecutionPlan>, name: &str) -> Arc<dyn ExecutionPlan> {
    let mut plan = Arc::clone(plan);
    while plan.name() != name {
        plan = Arc::clone(plan.children()[0]);
    }
    plan
}

/// Puts the last operator of a plan on another leaf.
fn on_leaf(plan: &Arc<dyn ExecutionPlan>, leaf: &Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    if plan.children().is_empty() {
        return Arc::clone(leaf);
    }
    let inputs = plan.children().into_iter().map(|input| on_leaf(input, leaf)).collect();
    replace_children_if_necessary(Arc::clone(plan), inputs).unwrap()
}

/// As a cluster does it: cut at the exchange, each task given some files of the scan and no number of a partition.
#[test]
fn tasks_that_know_only_their_own_files_give_the_same_pairs() {
    let folder = tempfile::tempdir().unwrap();
    for link in ["between", "within", "both"] {
        let work = Work::new(link, 4, folder.path());
        let plan = work.plan(Output::Pairs(-1000.0));
        let models: Arc<dyn ModelSource> = Arc::new(Arc::clone(&work.model));
        let plan = read(&written(&plan, Arc::clone(&models)), models, &TaskContext::default());
        let plan = plan.unwrap();
        let (first, scan) = (below(&plan, "AssignExec"), below(&plan, "DataSourceExec"));
        let scan = scan.downcast_ref::<DataSourceExec>().unwrap();
        let scan = scan.data_source().downcast_ref::<FileScanConfig>().unwrap();
        let units = usize::try_from(work.assignment.units()).unwrap();
        let mut shuffled: Vec<Vec<RecordBatch>> = vec![Vec::new(); units];
        for files in scan.file_groups.chunks(3) {
            let own = FileScanConfigBuilder::from(scan.clone()).with_file_groups(files.to_vec());
            let leaf: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(own.build());
            let task = on_leaf(&first, &leaf);
            for batch in partitions_of(&task) {
                let of = batch.column_by_name("unit").unwrap().as_primitive::<UInt64Type>();
                for (unit, out) in (0..).zip(&mut shuffled) {
                    let rows = (0..).zip(of.values()).filter(|(_, of)| **of == unit);
                    let rows = UInt32Array::from_iter_values(rows.map(|(row, _)| row));
                    out.push(arrow::compute::take_record_batch(&batch, &rows).unwrap());
                }
            }
        }
        // Any units may be one task's; here each is alone, and is partition 0 there.
        let sorted = below(&plan, "SortExec");
        let mut all = Vec::new();
        for rows in shuffled {
            let schema = first.schema();
            let leaf: Arc<dyn ExecutionPlan> =
                MemorySourceConfig::try_new_exec(&[rows], schema, None).unwrap();
            let sorted = replace_children_if_necessary(Arc::clone(&sorted), vec![leaf]).unwrap();
            let task = replace_children_if_necessary(Arc::clone(&plan), vec![sorted]).unwrap();
            all.extend(told(&partition(&task, 0)));
        }
        all.sort_unstable();
        assert_eq!(all, work.meant, "{link}");
    }
}

#[test]
fn the_plans_are_made_of_these_operators() {
    let folder = tempfile::tempdir().unwrap();
    let work = Work::new("between", 2, folder.path());
    let two = std::num::NonZeroUsize::new(2).unwrap();
    let counting = counting_plan(work.staged.scan().unwrap(), two).unwrap();
    let shown = [counting, work.plan(Output::Pairs(-1000.0))].map(|plan| {
        let shown = displayable(plan.as_ref()).indent(false).to_string();
        let lines = shown.lines().map(|line| match line.split_once("file_groups=") {
            // Their names are a folder's of this run.
            Some((before, _)) => format!("{before}file_groups=…"),
            None => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n")
    });
    expect_test::expect![[r"
        CountExec
          SortExec: expr=[layer@0 ASC, key@1 ASC], preserve_partitioning=[true]
            RepartitionExec: partitioning=Hash([layer@0, key@1], 2), input_partitions=2
              KeysExec
                DataSourceExec: file_groups=…

        LinkExec: model=sha256:39d396bc6f865f9818f74e2b0ad60d0b10044d50d2efa39010a064b3e9f3dd17, output=Pairs(-1000.0)
          SortExec: expr=[unit@0 ASC, layer@1 ASC, key@2 ASC], preserve_partitioning=[true]
            RepartitionExec: partitioning=Hash([unit@0], 2), input_partitions=2
              AssignExec: units=35
                DataSourceExec: file_groups=…"]].assert_eq(&shown.join("\n\n"));
}

#[test]
fn files_of_rows_are_deleted_with_what_staged_them() {
    let folder = tempfile::tempdir().unwrap();
    let work = Work::new("within", 3, folder.path());
    assert_eq!(work.staged.files().len(), 3);
    assert!(work.staged.bytes() > 0 && work.staged.records() == 200);
    let there = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(there(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let parent = work.staged.files()[0].parent().unwrap().to_owned();
        let mode = std::fs::metadata(parent).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "nobody else may look into it");
    }
    drop(work);
    assert_eq!(there(), 0, "nothing is left");
    let batches = vec![batch(&many(3, 0))];
    let rows: Arc<dyn Rows> = Arc::new(HeldTables::new(batches, Vec::new()));
    let mut nowhere = bounds(64 << 20, 1, 16, 1 << 12);
    nowhere.spill = folder.path().join("nowhere");
    let refused = Staged::new(&with_neighbours("within"), &rows, &nowhere);
    assert!(matches!(refused, Err(Error::FailedPlan { .. })), "{refused:?}");
}
