//! A gateway as a process of its own: CPUs, runtime, log, signals. Everything that would be rude inside a test.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use gateway_config::{Auth, Config, DigestKind, LEAVE, Launch, Size, StoreKind};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::log;
use crate::observer::Observer;
use crate::server::{Service, run_until};
use stop_signals::Endings;

/// Runs a gateway until SIGTERM, SIGINT or SIGHUP; a second one ends the drains. Call it before the process has other threads: the limit to the first
/// `cpus` CPUs of the affinity mask applies to the calling thread and to those that it starts. An observer is told of each request of
/// devices and users.
///
/// # Errors
///
/// A configuration or registry that cannot be used, an address that cannot be listened on, or a system that refuses
/// threads, signals or CPUs.
pub fn serve(launch: Launch, observer: Option<Arc<dyn Observer>>) -> Result<(), Error> {
    let Launch {
        listen,
        config,
        devices,
        admin_key,
        sample: _,
    } = launch;
    config.validate()?;
    log::start(config.log);
    if let Some(limit) = config.memory_limit {
        limit_memory(limit).map_err(Error::start("limit the memory of the process"))?;
    }
    limit_cpus(config.cpus).map_err(Error::start("limit the process to its cpus"))?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(config.cpus)
        .thread_name("gateway-worker")
        .enable_all()
        .build()
        .map_err(Error::start("start the runtime"))?;
    let result = runtime.block_on(async move {
        // Handlers before the port: whoever sees it open may already stop the process in an orderly way.
        let endings = Endings::watch().map_err(Error::start("watch for signals"))?;
        let listener = bind(listen).await?;
        let addr = listener.local_addr().unwrap_or(listen);
        tracing::info!(%addr, auth = %config.auth, store = %config.store, ingest = %config.ingest, sink = %config.sink, cpus = config.cpus, devices = devices.len(), "listening");
        warn_of_digests(&config);
        // On a worker of its own: the thread that blocks here takes no part in the runtime's scheduling.
        let (stop, hurry) = (CancellationToken::new(), CancellationToken::new());
        tokio::spawn(tell(endings, stop.clone(), hurry.clone()));
        let service = Service { config, devices, admin_key, observer };
        tokio::spawn(run_until(listener, service, stop.cancelled_owned(), hurry))
            .await
            .map_err(|error| Error::Start { what: "keep serving", source: io::Error::other(error) })?
    });
    runtime.shutdown_timeout(LEAVE);
    result
}

/// Says who can log in beside the devices, where the store is shared.
fn warn_of_digests(config: &Config) {
    if config.store == StoreKind::Memory || matches!(config.auth, Auth::Naive | Auth::Token) {
        return;
    }
    if config.digest() == DigestKind::Sha256 {
        tracing::warn!(
            "digest = \"sha256\" in a shared store: who can write to the store can log in as any device; use \"hmac-sha256\""
        );
    } else if config.digest_key.is_none() && config.store_prefix.is_some() {
        tracing::warn!(
            "digests have a key of this process: other instances with this store_prefix do not know them"
        );
    }
}

async fn bind(addr: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(addr)
        .await
        .map_err(|source| Error::Listen { addr, source })
}

/// Tells of the first signal and of the second one.
async fn tell(mut endings: Endings, stop: CancellationToken, hurry: CancellationToken) {
    endings.next().await;
    tracing::info!("stopping; a second signal ends it at once");
    stop.cancel();
    endings.next().await;
    tracing::warn!("stopping at once");
    hurry.cancel();
}

/// Limits private writable memory: heap, stacks, anonymous mappings. An allocation beyond it fails, and a failed allocation
/// aborts the process at once and loses what it held, as the kernel's out-of-memory kill would.
fn limit_memory(limit: Size) -> io::Result<()> {
    let hard = getrlimit(Resource::Data).maximum;
    let limit = Rlimit {
        current: Some(hard.map_or(limit.bytes(), |hard| hard.min(limit.bytes()))),
        maximum: hard,
    };
    Ok(setrlimit(Resource::Data, limit)?)
}

fn limit_cpus(cpus: usize) -> io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let mut first = CpuSet::new();
    (0..CpuSet::MAX_CPU)
        .filter(|cpu| allowed.is_set(*cpu))
        .take(cpus)
        .for_each(|cpu| first.set(cpu));
    let found = first.count() as usize;
    if found < cpus {
        tracing::warn!(
            cpus,
            found,
            "fewer cpus than configured, the threads share what there is"
        );
    }
    Ok(sched_setaffinity(None, &first)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_address_is_named_with_the_remedy() {
        let taken = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let addr = taken.local_addr().unwrap();
        let error = bind(addr).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "cannot listen on {addr}: address already in use; choose another with --listen"
            )
        );
    }

    #[test]
    fn the_limit_applies_to_the_thread_and_its_children() {
        let count = std::thread::spawn(|| {
            limit_cpus(1).unwrap();
            std::thread::spawn(|| sched_getaffinity(None).unwrap().count())
                .join()
                .unwrap()
        });
        assert_eq!(count.join().unwrap(), 1);
    }
}
