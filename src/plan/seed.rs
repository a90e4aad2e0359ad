//! Where `math.random` begins: a function of the step's place in its plan and of the task's place
//! in its stage.
//!
//! A newcomer's trap: nothing that a flow has been asked besides may count, neither terminals nor
//! branches that the step does not read. So a step's place is how many steps lie between it and
//! the sources, and not its number.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// For a step's Lua. Its text counts, so that two branches draw different numbers.
pub(crate) fn of_step(depth: u32, text: &str) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), depth.into())
}

/// For a task: the number that each of its steps' seeds is mixed with.
pub(crate) fn of_task(partition: u32, task: u32) -> u64 {
    let place = (u64::from(partition) << 32) | u64::from(task);
    xxh3_64_with_seed(&place.to_le_bytes(), 0)
}
