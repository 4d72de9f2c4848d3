//! The CPU limit of the own control group, version 1 or 2. That there is none, or none to be seen, is normal.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The tightest CPU limit from the own group up to the root, in cores.
pub(super) fn cpu_limit() -> Option<f64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    limit_below(Path::new("/sys/fs/cgroup"), &groups)
}

/// How long CPU limits have held up the own group since it was made, those of the groups above it included; `None` if no group
/// tells.
pub fn throttled() -> Option<Duration> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    throttled_below(Path::new("/sys/fs/cgroup"), &groups)
}

fn limit_below(mount: &Path, groups: &str) -> Option<f64> {
    let limits = hierarchies(mount, groups).filter_map(|(mount, version, path)| {
        let limits = up(&mount, path, |group| match version {
            Version::One => parse_quota(
                &read(group, "cpu.cfs_quota_us")?,
                &read(group, "cpu.cfs_period_us")?,
            ),
            Version::Two => parse_max(&read(group, "cpu.max")?),
        });
        limits.min_by(f64::total_cmp)
    });
    limits.min_by(f64::total_cmp)
}

fn throttled_below(mount: &Path, groups: &str) -> Option<Duration> {
    let times = hierarchies(mount, groups).flat_map(|(mount, version, path)| {
        let times = up(&mount, path, |group| {
            let stat = read(group, "cpu.stat")?;
            match version {
                Version::One => parse_stat(&stat, "throttled_time").map(Duration::from_nanos),
                Version::Two => parse_stat(&stat, "throttled_usec").map(Duration::from_micros),
            }
        });
        times.collect::<Vec<_>>()
    });
    times.reduce(|sum, time| sum + time)
}

#[derive(Clone, Copy)]
enum Version {
    One,
    Two,
}

/// Where the hierarchies with limits of CPU are mounted, and the own group's path within each.
fn hierarchies<'a>(
    mount: &Path,
    groups: &'a str,
) -> impl Iterator<Item = (PathBuf, Version, &'a str)> {
    groups.lines().filter_map(move |line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        if controllers.is_empty() {
            return Some((mount.to_owned(), Version::Two, path));
        }
        controllers
            .split(',')
            .find(|controller| *controller == "cpu")?;
        // Mounted under all its names, or under the plain one.
        let mounts = [mount.join(controllers), mount.join("cpu")];
        let mount = mounts.into_iter().find(|mount| mount.is_dir())?;
        Some((mount, Version::One, path))
    })
}

/// What the own group and those above it tell. Within a container the path can be that of the host: ancestors that do not exist are
/// passed over.
fn up<T>(mount: &Path, path: &str, tell: impl Fn(&Path) -> Option<T>) -> impl Iterator<Item = T> {
    let relative = Path::new(path.trim_start_matches('/'));
    relative
        .ancestors()
        .filter_map(move |group| tell(&mount.join(group)))
}

fn read(directory: &Path, file: &str) -> Option<String> {
    fs::read_to_string(directory.join(file)).ok()
}

/// `cpu.max` of version 2: quota and period in µs, or `max`.
fn parse_max(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    parse_quota(quota, period)
}

/// Quota and period in µs; a quota of -1 or `max` is no limit.
fn parse_quota(quota: &str, period: &str) -> Option<f64> {
    let quota = quota.trim().parse::<u64>().ok()?;
    let period = period
        .trim()
        .parse::<u64>()
        .ok()
        .filter(|period| *period > 0)?;
    Some(quota as f64 / period as f64)
}

/// A value of `cpu.stat`, which has a name and a number in each line.
fn parse_stat(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    let (_, value) = lines.find(|(found, _)| *found == name)?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounted(files: &[(&str, &str)]) -> tempfile::TempDir {
        let mount = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = mount.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        mount
    }

    #[test]
    fn time_under_a_limit_is_that_of_all_groups_on_the_way_up() {
        let check = |files: &[(&str, &str)], groups: &str, expected: Option<u64>| {
            let throttled = throttled_below(mounted(files).path(), groups);
            assert_eq!(throttled, expected.map(Duration::from_millis), "{files:?}");
        };
        let limited = "usage_usec 9\nnr_throttled 3\nthrottled_usec 1500000\n";
        let both = [
            ("a/b/cpu.stat", "throttled_usec 0\n"),
            ("a/cpu.stat", limited),
        ];
        check(&both, "0::/a/b\n", Some(1_500));
        // The root has none, and a group without the controller has no such line.
        check(&[("cpu.stat", "usage_usec 9\n")], "0::/\n", None);
        check(&[], "0::/a\n", None);
        let v1 = [("cpu,cpuacct/x/cpu.stat", "throttled_time 2000000\n")];
        check(&v1, "4:cpu,cpuacct:/x\n0::/\n", Some(2));
        check(&[("cpu.stat", "throttled_usec x")], "0::/\n", None);
    }

    fn check(files: &[(&str, &str)], groups: &str, expected: Option<f64>) {
        let mount = mounted(files);
        assert_eq!(
            limit_below(mount.path(), groups),
            expected,
            "{files:?} {groups}"
        );
    }

    #[test]
    fn the_tightest_limit_on_the_way_up_is_found() {
        check(
            &[
                ("a/b/cpu.max", "max 100000\n"),
                ("a/cpu.max", "150000 100000\n"),
            ],
            "0::/a/b\n",
            Some(1.5),
        );
        check(
            &[("cpu.max", "50000 100000\n")],
            "0::/not/seen/here\n",
            Some(0.5),
        );
        let v1 = [
            ("cpu,cpuacct/x/cpu.cfs_quota_us", "200000\n"),
            ("cpu,cpuacct/x/cpu.cfs_period_us", "100000\n"),
        ];
        check(&v1, "4:cpu,cpuacct:/x\n0::/\n", Some(2.0));
        let open = [
            ("cpu/cpu.cfs_quota_us", "-1\n"),
            ("cpu/cpu.cfs_period_us", "100000\n"),
        ];
        check(&open, "1:cpu:/\n2:cpuset:/\n", None);
        check(&[], "0::/\n", None);
        check(&[("cpu.max", "nonsense")], "garbage\n0::/../..\n", None);
        check(&[("cpu.max", "1 0")], "0::/\n", None);
    }
}
