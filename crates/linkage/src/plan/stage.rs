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

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt8Type, UInt32Type};
use arrow_array::{BooleanArray, RecordBatch};
use arrow_ipc::CompressionType;
use arrow_ipc::reader::FileReader;
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

use super::block_exec::column;
use super::failed;
use super::rows::{Batches, RECORD, RowMaker, Rows, SIDE, ValueCounts, failed_arrow, prepare};
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
        Self::written(maker.schema(), rows, bounds, |side, first, batch| {
            maker.rows(side, first, batch)
        })
    }

    /// Writes what `make` makes of each batch, given its side and the number of its first record.
    ///
    /// # Errors
    ///
    /// Those of `make`, and [`Error::FailedPlan`] where the files cannot be written.
    pub(super) fn written(
        schema: SchemaRef,
        rows: &Arc<dyn Rows>,
        bounds: &Bounds,
        make: impl Fn(Side, u32, &RecordBatch) -> Result<RecordBatch> + Sync,
    ) -> Result<Self> {
        let folder = private_folder(&bounds.spill)?;
        let feeds = Feeds::new(rows);
        let numbers: Vec<usize> = (0..bounds.partitions.get()).collect();
        let written = share(bounds.threads(), numbers, |number| {
            let mut file = RowFile::new(folder.path(), number, &schema, bounds)?;
            while let Some(batch) = feeds.next(number) {
                let (side, first, batch) = batch?;
                file.write(&make(side, first, &batch)?, batch.num_rows())?;
            }
            file.finish()
        });
        Self::of_files(schema, written, folder)
    }

    /// Writes the same rows again, but of the source's records only those that are among `chosen`, by their numbers.
    ///
    /// # Errors
    ///
    /// [`Error::FailedPlan`] where a file is gone or cannot be written.
    pub(super) fn among(&self, chosen: &[bool], bounds: &Bounds) -> Result<Self> {
        let folder = private_folder(&bounds.spill)?;
        let files = self.files.iter().enumerate().collect();
        let written = share(bounds.threads(), files, |(number, path): (usize, &PathBuf)| {
            let mut file = RowFile::new(folder.path(), number, &self.schema, bounds)?;
            let read = File::open(path).map_err(|error| unwritten(&error))?;
            for batch in FileReader::try_new_buffered(read, None).map_err(failed_arrow)? {
                let batch = batch.map_err(failed_arrow)?;
                let sides = column(&batch, SIDE).map_err(failed)?.as_primitive::<UInt8Type>();
                let records = column(&batch, RECORD).map_err(failed)?.as_primitive::<UInt32Type>();
                let is_kept = |(side, record): (&u8, &u32)| {
                    *side != 0 || chosen.get(*record as usize).copied().unwrap_or_default()
                };
                let kept = sides.values().iter().zip(records.values()).map(is_kept);
                let kept: BooleanArray = kept.map(Some).collect();
                let kept = arrow::compute::filter_record_batch(&batch, &kept);
                let kept = kept.map_err(failed_arrow)?;
                file.write(&kept, kept.num_rows())?;
            }
            file.finish()
        });
        Self::of_files(Arc::clone(&self.schema), written, folder)
    }

    fn of_files(schema: SchemaRef, files: Vec<Result<Written>>, folder: TempDir) -> Result<Self> {
        let mut staged = Self { schema, files: Vec::new(), records: 0, bytes: 0, folder };
        for written in files {
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

/// A file of rows while it is written.
struct RowFile {
    path: PathBuf,
    writer: FileWriter<BufWriter<File>>,
    /// How many rows stand in one batch at most.
    most: usize,
    records: u64,
}

impl RowFile {
    fn new(folder: &Path, number: usize, schema: &SchemaRef, bounds: &Bounds) -> Result<Self> {
        let path = folder.join(format!("rows-{number}.arrow"));
        let file = File::create_new(&path).map_err(|error| unwritten(&error))?;
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(CompressionType::LZ4_FRAME))
            .map_err(failed_arrow)?;
        let writer = FileWriter::try_new_with_options(BufWriter::new(file), schema, options)
            .map_err(failed_arrow)?;
        Ok(Self { path, writer, most: bounds.batch_rows.get(), records: 0 })
    }

    /// Writes the rows of so many records.
    fn write(&mut self, rows: &RecordBatch, records: usize) -> Result<()> {
        self.records += records as u64;
        for start in (0..rows.num_rows()).step_by(self.most) {
            let piece = rows.slice(start, self.most.min(rows.num_rows() - start));
            self.writer.write(&piece).map_err(failed_arrow)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Written> {
        self.writer.finish().map_err(failed_arrow)?;
        Ok(Written { path: self.path, records: self.records })
    }
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
            let (tables, side) = prepare(model.columns(), model.link(), side, &batch)?;
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
