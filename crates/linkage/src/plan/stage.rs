//! Rows in files: the leaf that every plan begins with.
//!
//! Steps four and five of the path. Preparing is done once: the rows of all parts go into as many Arrow files as there are
//! partitions, and a plan's leaf is DataFusion's own scan of them, which every host of its plans can write, read, and cut
//! to the partitions of a task. A leaf of ours would be unknown to them. Whoever runs a plan elsewhere puts the files where
//! it can be read. They hold prepared values in clear, stand in a folder that its owner alone may open, and are deleted
//! with [`Staged`]. What the operators spill goes into the same folder.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::SchemaRef;
use datafusion_datasource::PartitionedFile;
use datafusion_datasource::file_groups::FileGroup;
use datafusion_datasource::file_scan_config::FileScanConfigBuilder;
use datafusion_datasource::source::DataSourceExec;
use datafusion_datasource_arrow::source::ArrowSource;
use datafusion_execution::object_store::ObjectStoreUrl;
use datafusion_physical_plan::ExecutionPlan;
use tempfile::TempDir;

use super::rows::{Batches, RowMaker, Rows, ValueCounts, failed_arrow, prepare};
use super::run::Bounds;
use crate::model::Model;
use crate::parallel::share;
use crate::record::Side;
use crate::{Error, Result};

/// The rows of two tables, or of one, in files of their own.
pub struct Staged {
    schema: SchemaRef,
    /// One file a partition.
    files: Vec<PathBuf>,
    records: u64,
    /// What the files take.
    bytes: u64,
    /// Deleted with all that is in it when this is let go.
    folder: TempDir,
}

impl Staged {
    /// Prepares all records and writes their rows into a new folder beside what is spilled, a file for each partition.
    ///
    /// The tables are gone through twice where the model weighs values by how common they are or looks for neighbours, and
    /// once otherwise. One count for each such value stands in memory until then. All of the limit may be theirs: no
    /// operator runs yet, and they are let go before one does.
    ///
    /// # Errors
    ///
    /// What preparing tables meets, [`Error::OutOfMemory`], [`Error::UnplannableRule`], and [`Error::FailedPlan`] where
    /// the files cannot be written.
    pub fn new(model: &Arc<Model>, rows: &Arc<dyn Rows>, bounds: &Bounds) -> Result<Self> {
        let populations = Arc::new(bounds.populations.clone());
        let counts = count_values(model, rows, bounds)?;
        let maker = RowMaker::new(Arc::clone(model), counts, populations)?;
        let folder = private_folder(&bounds.spill)?;
        let feeds = Feeds::new(rows);
        let most = bounds.batch_rows.get();
        let numbers: Vec<usize> = (0..bounds.partitions.get()).collect();
        let written = share(bounds.threads(), numbers, |number| {
            write(&maker, &feeds, number, most, folder.path())
        });
        let (schema, files) = (maker.schema(), Vec::new());
        let mut staged = Self { schema, files, records: 0, bytes: 0, folder };
        for written in written {
            let written = written?;
            let file = std::fs::metadata(&written.path).map_err(|error| unwritten(&error))?;
            staged.bytes += file.len();
            staged.records += written.records;
            staged.files.push(written.path);
        }
        Ok(staged)
    }

    /// Returns the operator that reads the rows: a partition for each file.
    ///
    /// # Errors
    ///
    /// [`Error::FailedPlan`] where a file is gone.
    pub fn scan(&self) -> Result<Arc<dyn ExecutionPlan>> {
        let group = |file: &PathBuf| -> Result<FileGroup> {
            let length = std::fs::metadata(file).map_err(|error| unwritten(&error))?.len();
            let mut read = PartitionedFile::new("", length);
            // Not by its text, in which a file store would take some letters for escapes.
            read.object_meta.location = object_store::path::Path::from_filesystem_path(file)
                .map_err(|error| Error::FailedPlan { problem: error.to_string() })?;
            Ok(FileGroup::new(vec![read]))
        };
        let groups = self.files.iter().map(group).collect::<Result<Vec<_>>>()?;
        let source = Arc::new(ArrowSource::new_file_source(&self.schema));
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
            .with_file_groups(groups)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// Returns the files, one a partition.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Returns the folder, for what else is written while the rows are there.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns how many records there are.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Returns how many bytes the files take.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl std::fmt::Debug for Staged {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Staged({} records, {} files)", self.records, self.files.len())
    }
}

/// The batches of both sides, handed out one after the other to whoever asks.
struct Feeds<'r> {
    rows: &'r dyn Rows,
    sides: [Mutex<Feed>; 2],
}

struct Feed {
    side: Side,
    next_part: usize,
    open: Option<Batches>,
}

impl<'r> Feeds<'r> {
    fn new(rows: &'r Arc<dyn Rows>) -> Self {
        let feed = |side| Mutex::new(Feed { side, next_part: 0, open: None });
        Self { rows: rows.as_ref(), sides: [feed(Side::Source), feed(Side::Recipient)] }
    }

    /// Returns the next batch, of this side as long as there is one, so that several who ask don't wait for one file.
    fn next(&self, first: usize) -> Option<Result<(Side, u32, RecordBatch)>> {
        (0..2).find_map(|turn| {
            let feed = &self.sides[(first + turn) % 2];
            feed.lock().unwrap_or_else(PoisonError::into_inner).next(self.rows)
        })
    }
}

impl Feed {
    fn next(&mut self, rows: &dyn Rows) -> Option<Result<(Side, u32, RecordBatch)>> {
        loop {
            if let Some(batch) = self.open.as_mut().and_then(Iterator::next) {
                return Some(batch.map(|(first, batch)| (self.side, first, batch)));
            }
            self.open = None;
            if self.next_part == rows.parts(self.side) {
                return None;
            }
            let opened = rows.open(self.side, self.next_part);
            self.next_part += 1;
            match opened {
                Ok(batches) => self.open = Some(batches),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// A file of rows, and how many they are.
struct Written {
    path: PathBuf,
    records: u64,
}

/// Makes the rows of whatever batches come next and writes them into one file, until there is none left.
fn write(
    maker: &RowMaker,
    feeds: &Feeds<'_>,
    number: usize,
    most: usize,
    folder: &Path,
) -> Result<Written> {
    let path = folder.join(format!("rows-{number}.arrow"));
    let file = File::create_new(&path).map_err(|error| unwritten(&error))?;
    let options = IpcWriteOptions::default()
        .try_with_compression(Some(CompressionType::LZ4_FRAME))
        .map_err(failed_arrow)?;
    let schema = maker.schema();
    let mut writer = FileWriter::try_new_with_options(BufWriter::new(file), &schema, options)
        .map_err(failed_arrow)?;
    let mut records = 0;
    while let Some(batch) = feeds.next(number) {
        let (side, first, batch) = batch?;
        records += batch.num_rows() as u64;
        let made = maker.rows(side, first, &batch)?;
        for start in (0..made.num_rows()).step_by(most) {
            let piece = made.slice(start, most.min(made.num_rows() - start));
            writer.write(&piece).map_err(failed_arrow)?;
        }
    }
    writer.finish().map_err(failed_arrow)?;
    Ok(Written { path, records })
}

/// Goes through the tables once for the values, where any are asked for. All threads count into one, and ask for room first.
fn count_values(model: &Model, rows: &Arc<dyn Rows>, bounds: &Bounds) -> Result<ValueCounts> {
    let asked = ValueCounts::new(model, &bounds.populations);
    if !asked.counts_values() {
        return Ok(asked);
    }
    let all = Mutex::new(ValueCounts::new(model, &bounds.populations));
    let feeds = Feeds::new(rows);
    let counted = share(bounds.threads(), (0..bounds.threads()).collect(), |number| {
        while let Some(batch) = feeds.next(number) {
            let (side, _, batch) = batch?;
            let (tables, side) = prepare(model, side, &batch)?;
            let seen = asked.seen(&tables, side);
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            let needed = all.bytes_with(&seen);
            if needed > bounds.memory_bytes {
                let problem = format!(
                    "{needed} bytes are needed to count values, and {} may be",
                    bounds.memory_bytes
                );
                return Err(Error::OutOfMemory { problem });
            }
            all.add(seen);
        }
        Ok(())
    });
    counted.into_iter().collect::<Result<()>>()?;
    Ok(all.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Makes a folder that nobody else may look into.
fn private_folder(within: &Path) -> Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("comity-rows-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir_in(within).map_err(|error| unwritten(&error))
}

pub(super) fn unwritten(error: &std::io::Error) -> Error {
    Error::FailedPlan { problem: format!("the folder that is spilled to: {error}") }
}
