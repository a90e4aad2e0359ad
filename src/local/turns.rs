//! Pieces of work that go on side by side, and what comes of them in the order in which they began.
//!
//! A newcomer's trap: while the next rows are awaited, what the first piece has is passed on. A slow
//! source would otherwise hold back rows whose turn came long ago.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::error::Failure;
use crate::local::block::Block;
use crate::local::edge::{Reader, Stop, Taken, Writer};
use crate::local::tally::Counted;

/// What comes of pieces, in order, and where it goes.
pub(crate) struct Turns<'a> {
    pieces: VecDeque<Piece>,
    /// Those of rows.
    rows: usize,
    out: &'a Writer,
    partition: u32,
}

enum Piece {
    Rows(Reader),
    /// What the tasks before it have counted, for who takes the rows up to here.
    Counted(Arc<Counted>),
}

impl Turns<'_> {
    pub(crate) fn new(out: &Writer, partition: u32) -> Turns<'_> {
        Turns { pieces: VecDeque::new(), rows: 0, out, partition }
    }

    /// How many pieces have begun and are not over.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// A piece has begun.
    pub(crate) fn push(&mut self, piece: Reader) {
        self.pieces.push_back(Piece::Rows(piece));
        self.rows += 1;
    }

    /// Passes on all that comes of the first piece.
    pub(crate) async fn pass_first(&mut self) -> Result<(), Stop> {
        let before = self.pieces.len();
        while self.pieces.len() == before {
            let Some(Piece::Rows(first)) = self.pieces.front_mut() else {
                return self.pass(None).await;
            };
            let taken = first.take().await.map_err(Stop::Failed)?;
            self.pass(taken).await?;
        }
        Ok(())
    }

    /// Passes on all that comes of all pieces.
    pub(crate) async fn pass_all(&mut self) -> Result<(), Stop> {
        while !self.pieces.is_empty() {
            self.pass_first().await?;
        }
        Ok(())
    }

    /// The next rows, or how they have ended. Until then, the first pieces are passed on.
    pub(crate) async fn next_block(
        &mut self,
        reader: &mut Reader,
    ) -> Result<Result<Option<Block>, Failure>, Stop> {
        loop {
            match self.meanwhile(reader.take()).await? {
                Ok(Some(Taken::Block(block))) => return Ok(Ok(Some(block))),
                Ok(Some(Taken::Counted(counted))) => {
                    self.pieces.push_back(Piece::Counted(counted));
                }
                Ok(None) => return Ok(Ok(None)),
                Err(failure) => return Ok(Err(failure)),
            }
        }
    }

    /// Waits for something, and passes the first pieces on meanwhile.
    pub(crate) async fn meanwhile<T>(
        &mut self,
        awaited: impl Future<Output = T>,
    ) -> Result<T, Stop> {
        let mut awaited = std::pin::pin!(awaited);
        loop {
            let taken = match self.pieces.front_mut() {
                None => return Ok(awaited.await),
                Some(Piece::Counted(_)) => None,
                Some(Piece::Rows(first)) => tokio::select! {
                    awaited = &mut awaited => return Ok(awaited),
                    taken = first.take() => taken.map_err(Stop::Failed)?,
                },
            };
            self.pass(taken).await?;
        }
    }

    /// Passes on what the first piece has given; it is over if that is nothing.
    async fn pass(&mut self, taken: Option<Taken>) -> Result<(), Stop> {
        match taken {
            Some(Taken::Block(block)) => {
                self.out.push(Block { partition: self.partition, ..block }).await?;
            }
            Some(Taken::Counted(counted)) => self.out.pass(&counted),
            None => match self.pieces.pop_front() {
                Some(Piece::Counted(counted)) => self.out.pass(&counted),
                Some(Piece::Rows(_)) => self.rows -= 1,
                None => {}
            },
        }
        Ok(())
    }
}
