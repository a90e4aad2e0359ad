//! How much memory a process has for itself.
//!
//! A newcomer's trap: what is resident is counted for each process that shares it. Heaps and stacks
//! are nobody else's, and their sum over several processes is what they have together.

use rustix::process::Pid;

/// Bytes of heaps and stacks of a process, or of this one.
pub(crate) fn own_memory(pid: Option<Pid>) -> Option<u64> {
    let process = pid.map_or_else(|| "self".to_owned(), |pid| pid.as_raw_nonzero().to_string());
    anonymous(&std::fs::read_to_string(format!("/proc/{process}/status")).ok()?)
}

fn anonymous(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_this_process_is_known() {
        assert_eq!(
            anonymous("Name:\tx\nRssAnon:\t     132 kB\nRssFile:\t 9 kB\n"),
            Some(132 << 10)
        );
        assert_eq!(anonymous("Name:\tx\n"), None);
        let before = own_memory(None).unwrap();
        let held = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(own_memory(None).unwrap() >= before + (32 << 20), "{}", held.len());
    }
}
