//! Networks and cells that are kept as long as the process lives.

use std::sync::{Mutex, MutexGuard};

use super::{Cell, Pretrained, Store};
use crate::error::{Error, Result};
use crate::state::Checkpoint;

/// Keeps everything in memory: for a program that takes the cells and goes on with them.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    pretrained: Vec<Pretrained>,
    cells: Vec<Cell>,
}

impl MemoryStore {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A poisoned lock still holds whole entries: they are pushed in one step.
        self.kept.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Store for MemoryStore {
    fn last_pretrained(&self, seed: u64) -> Result<Option<Pretrained>> {
        let kept = self.kept();
        let of_seed = kept.pretrained.iter().filter(|found| found.seed == seed);
        Ok(of_seed.max_by_key(|found| found.epochs).cloned())
    }

    fn pretrained(&self, seed: u64, epochs: usize) -> Result<Checkpoint> {
        let kept = self.kept();
        let mut all = kept.pretrained.iter();
        let found = all.find(|found| (found.seed, found.epochs) == (seed, epochs));
        found.map(|found| found.state.clone()).ok_or_else(|| {
            let expected = "a number that was trained for, with this seed";
            Error::setting("pretraining.epochs", epochs, expected)
        })
    }

    fn keep_pretrained(&self, pretrained: &Pretrained, _arms_start: bool) -> Result<()> {
        self.kept().pretrained.push(pretrained.clone());
        Ok(())
    }

    fn cell(&self, arm: &str, seed: u64, epochs: usize) -> Result<Option<Cell>> {
        let kept = self.kept();
        let mut all = kept.cells.iter();
        let found = all.find(|cell| cell.arm == arm && (cell.seed, cell.epochs) == (seed, epochs));
        Ok(found.cloned())
    }

    fn keep_cell(&self, cell: &Cell) -> Result<()> {
        self.kept().cells.push(cell.clone());
        Ok(())
    }
}
