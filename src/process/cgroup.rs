//! The CPU limit of the own control group, version 1 or 2. That there is none, or none to be seen, is normal.

use std::fs;
use std::path::{Path, PathBuf};

/// The tightest CPU limit from the own group up to the root, in cores.
pub(super) fn cpu_limit() -> Option<f64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    limit_below(Path::new("/sys/fs/cgroup"), &groups)
}

fn limit_below(mount: &Path, groups: &str) -> Option<f64> {
    let limits = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        if controllers.is_empty() {
            return tightest(mount, path, |directory| {
                parse_max(&read(directory, "cpu.max")?)
            });
        }
        controllers
            .split(',')
            .find(|controller| *controller == "cpu")?;
        // Mounted under all its names, or under the plain one.
        let mounts = [mount.join(controllers), mount.join("cpu")];
        let mount = mounts.iter().find(|mount| mount.is_dir())?;
        tightest(mount, path, |directory| {
            parse_quota(
                &read(directory, "cpu.cfs_quota_us")?,
                &read(directory, "cpu.cfs_period_us")?,
            )
        })
    });
    limits.min_by(f64::total_cmp)
}

/// Within a container the path can be that of the host: ancestors that do not exist are passed over.
fn tightest(mount: &Path, path: &str, limit: impl Fn(&Path) -> Option<f64>) -> Option<f64> {
    let relative = PathBuf::from(path.trim_start_matches('/'));
    relative
        .ancestors()
        .filter_map(|group| limit(&mount.join(group)))
        .min_by(f64::total_cmp)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], groups: &str, expected: Option<f64>) {
        let mount = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = mount.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
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
