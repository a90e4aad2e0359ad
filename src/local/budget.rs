//! How much memory and how many workers a run gets unless it is told.
//!
//! A newcomer's trap: the machine's memory is not ours. In a container the limit of the control
//! group is usually far below it, and going over that one is death without a word.

use std::fs;
use std::path::Path;
use std::thread::available_parallelism;

use rustix::process::{Resource, getrlimit};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// The least memory that a run with so many workers can do with.
pub(crate) fn smallest(workers: usize) -> u64 {
    (32 * MIB).saturating_mul(workers as u64).saturating_add(64 * MIB)
}

/// As many as there are cores for us: affinity and the quota of the control group count.
pub(crate) fn default_workers() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// Half of what this process may use; the other half is for the page cache and for others.
pub(crate) fn default_memory() -> u64 {
    let system = rustix::system::sysinfo();
    // Integers of the kernel's, whose width differs between machines.
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    let physical = (system.totalram as u64).saturating_mul(u64::from(system.mem_unit));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = [
        Some(physical),
        group_limit(&groups, Path::new("/sys/fs/cgroup")),
        getrlimit(Resource::As).current,
        getrlimit(Resource::Data).current,
    ];
    limits.into_iter().flatten().min().unwrap_or(physical) / 2
}

/// The smallest memory limit of the control groups that `/proc/self/cgroup` names, and of all
/// above them. A container may see only the upper ones, with other names; what is missing is
/// passed over.
fn group_limit(groups: &str, root: &Path) -> Option<u64> {
    let is_of_memory = |controllers: &str| controllers.split(',').any(|name| name == "memory");
    let groups = groups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    // Memory is counted in a hierarchy of its own, or else in the one of all controllers.
    let has_own = groups.clone().any(|(controllers, _)| is_of_memory(controllers));
    let limits_of = |(controllers, group): (&str, &str)| {
        let group = group.trim_start_matches('/');
        let (mounts, names): (&[&str], &[&str]) = if controllers.is_empty() && !has_own {
            (&["", "unified"], &["memory.max", "memory.high"])
        } else if is_of_memory(controllers) {
            (&["memory"], &["memory.limit_in_bytes"])
        } else {
            return None;
        };
        let ancestors = Path::new(group).ancestors();
        let files = ancestors.flat_map(|group| {
            let in_mount = move |mount| root.join(mount).join(group);
            mounts.iter().map(in_mount).flat_map(|dir| names.iter().map(move |n| dir.join(n)))
        });
        // The text "max" is no number, and no limit.
        files.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok()).min()
    };
    groups.filter_map(limits_of).min()
}

/// Reads a size such as `512M`, `1.5GiB` or `1048576`. Units are powers of 1024 however they
/// are spelled.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let bad =
        || format!("bad size {text:?}: expected a number of bytes, or one such as 512M or 2G");
    let trimmed = text.trim();
    let unit_at = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(unit_at);
    let unit: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => KIB,
        "m" | "mb" | "mib" => MIB,
        "g" | "gb" | "gib" => KIB * MIB,
        "t" | "tb" | "tib" => MIB * MIB,
        _ => return Err(bad()),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit).ok_or_else(|| format!("the size {text:?} is too large"));
    }
    let fraction: f64 = number.parse().map_err(|_| bad())?;
    let bytes = fraction * unit as f64;
    if bytes >= u64::MAX as f64 {
        return Err(format!("the size {text:?} is too large"));
    }
    Ok(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let sizes = [
            ("1048576", 1 << 20),
            ("64k", 64 << 10),
            ("512M", 512 << 20),
            ("2G", 2 << 30),
            ("1.5GiB", 3 << 29),
            (" 10 mb ", 10 << 20),
            ("1T", 1 << 40),
            ("0", 0),
            ("18446744073709551615", u64::MAX),
        ];
        for (text, bytes) in sizes {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "M",
            "-1",
            "1e9",
            "nan",
            "inf",
            "1.2.3",
            ".",
            "2 X",
            "1M2",
            "18446744073709551616T",
            "17000000T",
        ] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_tightest_control_group_counts() {
        let dir = tempfile::tempdir().unwrap();
        let set = |file: &str, text: &str| {
            let file = dir.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        let limit = |groups| group_limit(groups, dir.path());
        assert_eq!(limit("0::/a/b\n"), None);
        set("a/b/memory.max", "max\n");
        assert_eq!(limit("0::/a/b\n"), None);
        set("a/memory.max", "3000\n");
        assert_eq!(limit("0::/a/b\n"), Some(3000));
        set("a/b/memory.high", "2000\n");
        assert_eq!(limit("0::/a/b\n"), Some(2000));
        set("memory.max", "1000\n");
        assert_eq!(limit("0::/not/visible/here\n"), Some(1000));
        set("memory/x:y/memory.limit_in_bytes", "500\n");
        assert_eq!(limit("5:cpu:/x:y\n4:hugetlb,memory:/x:y\n0::/\n"), Some(500));
    }

    #[test]
    fn the_defaults_are_of_this_machine() {
        assert!(default_workers() >= 1);
        assert!(default_memory() > 16 * MIB);
        assert_eq!(smallest(2), 128 * MIB);
    }
}
