//! Side tables: made once for all stages whose functions look into them, and what a stage waits for
//! before its tasks begin.
//!
//! A newcomer's trap: a table has no place in the order of rows. What fails in one fails each stage
//! that needs it.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use crate::error::{ErrorKind, Failure};
use crate::local::edge::Reader;
use crate::local::exchange::{Sorted, hold_runs};
use crate::local::runtime::on_a_thread;
use crate::local::session::Session;
use crate::plan::stage::StageId;
use crate::plan::tables::{Table, TableId};
use crate::worker::side_tables::TableWriter;
use crate::worker::task::TableFile;

/// A table, once it has been made.
pub(crate) type Waiting = watch::Receiver<Option<Result<TableFile, Failure>>>;

/// What a stage needs before its tasks begin.
pub(crate) struct Needs {
    /// Runs that each worker holds.
    pub held: Vec<oneshot::Receiver<Sorted>>,
    pub tables: Vec<Waiting>,
}

impl Needs {
    /// Waits for all of it, and has the tasks of the stage get it.
    pub(crate) async fn met(self, session: &Arc<Session>, stage: StageId) -> Result<(), Failure> {
        hold_runs(session, stage, self.held).await?;
        let mut tables = Vec::new();
        for mut table in self.tables {
            let made = match table.wait_for(Option::is_some).await {
                Ok(made) => made.clone(),
                Err(_) => None,
            };
            match made {
                Some(made) => tables.push(made?),
                // It goes without a word only when the whole run is cancelled.
                None => return std::future::pending().await,
            }
        }
        session.add_tables(stage, tables);
        Ok(())
    }
}

/// Makes a table, unless nobody waits for it any more.
pub(crate) async fn make_table(
    session: &Arc<Session>,
    id: TableId,
    rows: Reader,
    made: watch::Sender<Option<Result<TableFile, Failure>>>,
) {
    let table = &session.plan.tables[id as usize];
    let result = tokio::select! {
        result = make(session, id, table, rows) => result,
        () = made.closed() => return,
    };
    // Nobody may have waited to the end.
    let _ = made.send(Some(result.map_err(|failure| failure.at_step(table.step))));
}

async fn make(
    session: &Arc<Session>,
    id: TableId,
    table: &Table,
    mut rows: Reader,
) -> Result<TableFile, Failure> {
    let meter = session.meter.clone();
    let mut writer = TableWriter::new(Box::new(move || meter.temp_file()));
    while let Some(block) = rows.next().await? {
        writer.push(block.as_rows())?;
    }
    let ended = on_a_thread(move || writer.finish())?.await;
    let gone =
        |_| Failure::new(ErrorKind::Worker, "a table could not be made: its thread has gone");
    let (file, shape) = ended.map_err(gone)??;
    let (name, file) = (table.name.clone(), session.add_table_file(id, file));
    Ok(TableFile { name, file, shape })
}
