//! Whether this process may have some more threads and descriptors.
//!
//! A newcomer's trap: only trying tells for sure, and trying threads costs as much as a twentieth
//! of a small program's time. So it is left out where no limit is near.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, getrlimit};

/// Descriptors that are tried.
const DESCRIPTORS: usize = 8;

/// A limit that leaves room for so many more threads is not near.
const PLENTY: u64 = 64;

/// Fails as the system would if it were asked for so many threads now.
pub(crate) fn try_limits(threads: usize) -> std::io::Result<()> {
    // Copies count like others and cost less.
    let descriptor = eventfd(0, EventfdFlags::CLOEXEC)?;
    let _descriptors = (1..DESCRIPTORS)
        .map(|_| Ok(fcntl_dupfd_cloexec(&descriptor, 0)?))
        .collect::<std::io::Result<Vec<OwnedFd>>>()?;
    match has_plenty_of_threads() {
        true => Ok(()),
        // Those just tried may still count for a moment when the real ones come.
        false => try_threads(2 * threads),
    }
}

/// Starts threads that are there at once, and lets them end.
fn try_threads(count: usize) -> std::io::Result<()> {
    let gate = Arc::new(RwLock::new(()));
    let closed = gate.write().unwrap_or_else(PoisonError::into_inner);
    let started: Vec<_> = (0..count)
        .map(|_| {
            let gate = gate.clone();
            let thread = std::thread::Builder::new().stack_size(64 << 10);
            thread.spawn(move || drop(gate.read()))
        })
        .collect();
    drop(closed);
    for thread in started {
        // They do nothing that could panic.
        let _ = thread?.join();
    }
    Ok(())
}

/// Whether neither the user's limit nor that of a control group is near; false where it cannot be
/// known.
fn has_plenty_of_threads() -> bool {
    let of_user = match getrlimit(Resource::Nproc).current {
        None => true,
        // All threads of the system are at least as many as this user's.
        Some(most) => {
            threads_of_system().is_some_and(|threads| threads.saturating_add(PLENTY) < most)
        }
    };
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    of_user && groups_have_plenty(&groups, Path::new("/sys/fs/cgroup"))
}

/// From `/proc/loadavg`: `0.20 0.18 0.12 1/80 11206`.
fn threads_of_system() -> Option<u64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_ascii_whitespace().nth(3)?.split_once('/')?.1.parse().ok()
}

/// Whether the control groups that `/proc/self/cgroup` names, and all above them, allow many more
/// threads. A container may see only the upper ones.
fn groups_have_plenty(groups: &str, root: &Path) -> bool {
    let groups: Vec<(&str, &str)> =
        groups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':')).collect();
    // Threads are counted in a hierarchy of their own, or else in the one of all controllers.
    let own = groups.iter().find(|(controllers, _)| controllers.split(',').any(|c| c == "pids"));
    let (mounts, group): (&[&str], _) = match own {
        Some((_, group)) => (&["pids"], group),
        None => match groups.iter().find(|(controllers, _)| controllers.is_empty()) {
            Some((_, group)) => (&["", "unified"], group),
            None => return true,
        },
    };
    let mut mounts = mounts.iter().map(|mount| root.join(mount));
    mounts.find(|mount| mount.join("cgroup.procs").exists()).is_some_and(|mount| {
        Path::new(group.trim_start_matches('/'))
            .ancestors()
            .all(|group| has_plenty(&mount.join(group)))
    })
}

/// A group that has no limit, or is not seen from here, limits nothing.
fn has_plenty(group: &Path) -> bool {
    let number = |name| fs::read_to_string(group.join(name)).ok()?.trim().parse::<u64>().ok();
    match (number("pids.max"), number("pids.current")) {
        // The text "max" is no number.
        (None, _) => true,
        (Some(most), current) => current.is_some_and(|current| current + PLENTY < most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_limit_of_any_control_group_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let set = |file: &str, text: &str| {
            let file = dir.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        let plenty = |groups| groups_have_plenty(groups, dir.path());
        assert!(plenty(""));
        // No file system of groups: nothing is known.
        assert!(!plenty("0::/a/b\n"));
        set("cgroup.procs", "");
        assert!(plenty("0::/a/b\n"));
        set("a/pids.max", "max\n");
        set("a/b/pids.max", "100\n");
        set("a/b/pids.current", "35\n");
        assert!(plenty("0::/a/b\n"));
        set("a/b/pids.current", "36\n");
        assert!(!plenty("0::/a/b\n"));
        assert!(plenty("0::/a\n"));
        set("pids.max", "20\n");
        assert!(!plenty("0::/not/visible/here\n"));
        set("pids/cgroup.procs", "");
        assert!(plenty("5:cpu:/x\n4:pids:/x\n"));
        set("pids/x/pids.max", "10\n");
        set("pids/x/pids.current", "1\n");
        assert!(!plenty("5:cpu:/x\n4:pids:/x\n"));
    }

    #[test]
    fn threads_can_be_had_here() {
        assert!(threads_of_system().unwrap() > 0);
        try_threads(4).unwrap();
        try_limits(4).unwrap();
    }
}
