//! Whether any of some processes listens at a port: what a wrapper such as `docker run` starts is no child of it. Only where the kernel
//! says so for sure.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;

/// Tables of sockets, as of IPv4 and of IPv6.
const TABLES: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

/// The state of a socket that listens.
const LISTENS: &str = "0A";

/// `None` where it cannot be told: nothing that listens there is seen, or a process is in another network or hides its files.
pub fn listens(port: u16, pids: &[u32]) -> Option<bool> {
    let tables = TABLES.iter().filter_map(|of| fs::read_to_string(of).ok());
    let sockets = tables.flat_map(|table| listening(&table, port));
    let sockets: BTreeSet<u64> = sockets.collect();
    if sockets.is_empty() {
        return None;
    }
    let network = |of: &str| fs::read_link(format!("/proc/{of}/ns/net")).ok();
    let own = network("self")?;
    for pid in pids {
        if network(&pid.to_string())? != own {
            return None;
        }
        if holds(*pid, &sockets)? {
            return Some(true);
        }
    }
    Some(false)
}

/// Inodes of the sockets that listen at a port, by a table as proc_net(5) has it.
fn listening(table: &str, port: u16) -> Vec<u64> {
    let of_line = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().take(10).collect();
        let &[_, local, _, state, _, _, _, _, _, inode] = fields.as_slice() else {
            return None;
        };
        let found = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
        (found == port && state == LISTENS)
            .then(|| inode.parse().ok())
            .flatten()
    };
    table.lines().skip(1).filter_map(of_line).collect()
}

/// Whether a process has one of the sockets open; `None` if that cannot be seen.
fn holds(pid: u32, sockets: &BTreeSet<u64>) -> Option<bool> {
    let files = match fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(files) => files,
        // It has ended.
        Err(error) if error.kind() == ErrorKind::NotFound => return Some(false),
        Err(_) => return None,
    };
    let mut links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    let is_one = |link: &std::path::Path| {
        let text = link.to_str()?.strip_prefix("socket:[")?;
        let inode = text.strip_suffix(']')?.parse().ok()?;
        sockets.contains(&inode).then_some(())
    };
    Some(links.any(|link| is_one(&link).is_some()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::process::Command;

    use super::*;

    #[test]
    fn who_listens_is_told_from_who_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut other = Command::new("sleep").arg("60").spawn().unwrap();
        let own = std::process::id();
        assert_eq!(listens(port, &[own]), Some(true));
        assert_eq!(listens(port, &[other.id(), own]), Some(true));
        // It is another program by now, and has no file of this one.
        assert_eq!(listens(port, &[other.id()]), Some(false));
        other.kill().unwrap();
        other.wait().unwrap();
        drop(listener);
        assert_eq!(listens(port, &[own]), None);
    }

    #[test]
    fn a_table_is_read_as_the_kernel_writes_it() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0\n   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1\n   2: 0100007F:1F91 00000000:0000 0A 0:0 0:0 0 0 0 4713\nbroken\n   3: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4714 1 0\n";
        assert_eq!(listening(table, 8080), [4711, 4714]);
        assert!(listening("", 8080).is_empty());
    }
}
