//! Generates the lists of contexts from the number of contexts.

use alloc::format;
use alloc::vec::Vec;

use super::StreamKind;
use crate::counted::counted;
use crate::data::change::shuffle;
use crate::error::{Error, Result};
use crate::rng::{Purpose, RandomStream};

/// How classes are assigned to tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassLists {
    /// Number of classes of the samples.
    pub classes: usize,
    /// Classes per task; if `None`, all classes are divided evenly.
    pub each: Option<usize>,
    /// Whether the classes are in random order. Round r of all classes, counted from 0, is drawn from (`seed`,
    /// [`Purpose::ClassOrder`], r).
    pub shuffled: bool,
    /// The seed of the stream.
    pub seed: u64,
}

/// The lists of `count` contexts with one task each: the numbers from 0, evenly spaced angles, or `each` classes per
/// task.
///
/// For class subsets, a new round of all classes begins when too few are left for another task.
///
/// # Errors
/// [`Error::Setting`] if `count` exceeds the number of possible tasks.
///
/// ```
/// use neurogain::stream::{ClassLists, StreamKind, numbered};
/// let classes = ClassLists { classes: 6, each: None, shuffled: false, seed: 0 };
/// assert_eq!(numbered(StreamKind::Permuted, 2, classes)?, [[0], [1]]);
/// assert_eq!(numbered(StreamKind::Rotated, 4, classes)?, [[0], [90], [180], [270]]);
/// assert_eq!(numbered(StreamKind::Split, 3, classes)?, [[0, 1], [2, 3], [4, 5]]);
/// let pairs = ClassLists { each: Some(4), ..classes };
/// assert_eq!(numbered(StreamKind::ClassSubsets, 2, pairs)?, [[0, 1, 2, 3], [0, 1, 2, 3]]);
/// # Ok::<(), neurogain::Error>(())
/// ```
pub fn numbered(kind: StreamKind, count: usize, classes: ClassLists) -> Result<Vec<Vec<u16>>> {
    let refused = |expected| Err(Error::setting("stream.tasks", count, expected));
    if kind.has_classes() {
        let each = classes.each.unwrap_or(classes.classes / count.max(1));
        let most = classes.classes.checked_div(each).unwrap_or(0);
        if most == 0 || (kind == StreamKind::Split && count > most) {
            let of = classes.classes;
            return refused(format!(
                "fewer tasks, as {} cannot fill them",
                counted(of, "class")
            ));
        }
        let mut order = Vec::new();
        let mut lists = Vec::with_capacity(count);
        for task in 0..count {
            if task.is_multiple_of(most) {
                order = classes.order((task / most) as u64);
            }
            lists.push(order[task % most * each..][..each].to_vec());
        }
        return Ok(lists);
    }
    let most = kind.largest(classes.classes) + 1;
    if count > most {
        return refused(format!("at most {}", counted(most, "task")));
    }
    let numbers = (0..=u16::MAX).take(count);
    Ok(numbers.map(|task| kind.numbered(task, count)).collect())
}

impl ClassLists {
    /// All classes in the order of round `rounds`, counted from 0.
    fn order(&self, rounds: u64) -> Vec<u16> {
        let mut order: Vec<u16> = (0..u16::MAX).take(self.classes).collect();
        if self.shuffled {
            let mut stream = RandomStream::new(self.seed, Purpose::ClassOrder, rounds);
            shuffle(&mut order, &mut stream);
        }
        order
    }

    /// `lists` with class c replaced by the class at position c of the order.
    pub fn renamed(&self, mut lists: Vec<Vec<u16>>) -> Vec<Vec<u16>> {
        if self.shuffled {
            let order = self.order(0);
            for class in lists.iter_mut().flatten() {
                *class = *order.get(usize::from(*class)).unwrap_or(class);
            }
        }
        lists
    }
}

/// `lists`, with the first one repeated after every `every` others.
///
/// ```
/// use neurogain::stream::recurring;
/// assert_eq!(recurring(vec!['a', 'b', 'c', 'd'], 2), ['a', 'b', 'c', 'a', 'd']);
/// ```
pub fn recurring<T: Clone>(lists: Vec<T>, every: usize) -> Vec<T> {
    let Some((first, others)) = lists.split_first() else {
        return lists;
    };
    let mut found = alloc::vec![first.clone()];
    for chunk in others.chunks(every.max(1)) {
        found.extend_from_slice(chunk);
        if chunk.len() == every.max(1) {
            found.push(first.clone());
        }
    }
    found
}
