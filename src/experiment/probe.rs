//! Reads a target that runs: its processes, those beside it, its metrics and the machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::task::JoinSet;

use super::mark::{Answer, Cpu, PROCESS_CPU, Scraped, Seen, Used};
use super::watch::Probe;
use crate::engine::now_ns;
use crate::process::cgroup;
use crate::process::machine::{MachineTimes, own_cpu_ns};
use crate::process::metrics::{self, Metrics};
use crate::process::{ProcessTree, TreeReading};
use crate::tenant::{Reading, is_published};

/// Longest time that metrics may take.
const SCRAPE: Duration = Duration::from_millis(500);

/// What can be read of a launch.
#[derive(Debug)]
pub(super) struct TargetProbe {
    pub(super) instances: Vec<Watching>,
    pub(super) services: Vec<Watching>,
    /// A client, and the endpoint of each instance.
    pub(super) metrics: Option<(Client, Arc<[String]>)>,
}

/// A process tree that is read again and again.
#[derive(Debug)]
pub(super) struct Watching {
    /// Or why it is not known.
    tree: Result<ProcessTree, String>,
    before: Option<TreeReading>,
}

impl Watching {
    pub(super) fn new(tree: Result<ProcessTree, String>) -> Self {
        Self { tree, before: None }
    }

    fn used(&mut self) -> Used {
        let read = self.tree.as_ref().map_err(Clone::clone);
        let read = read.and_then(|tree| {
            let read = tree.read(self.before.as_ref());
            read.map_err(|error| error.to_string())
        });
        let reading = match read {
            Ok(reading) => reading,
            Err(why) => {
                return Used {
                    at: now_ns(),
                    cpu_seconds: Err(why),
                    rss_bytes: None,
                    peak_bytes: None,
                };
            }
        };
        self.before = Some(reading);
        let memory = Some(reading.memory).filter(|memory| memory.peak_bytes > 0);
        Used {
            at: now_ns() - reading.at.elapsed().as_nanos() as u64,
            cpu_seconds: Ok(reading.cpu_ns as f64 / 1e9),
            rss_bytes: memory.map(|memory| memory.rss_bytes),
            peak_bytes: memory.map(|memory| memory.peak_bytes),
        }
    }
}

impl TargetProbe {
    /// Where the CPU of the target comes from.
    pub(super) fn cpu(&self) -> Cpu {
        if self.instances.iter().all(|of| of.tree.is_ok()) {
            Cpu::Processes
        } else if self.metrics.is_some() {
            Cpu::Metrics
        } else {
            Cpu::Nowhere
        }
    }
}

impl Probe for TargetProbe {
    fn now(&self) -> u64 {
        now_ns()
    }

    async fn until(&self, instant: u64) {
        tokio::time::sleep(Duration::from_nanos(instant.saturating_sub(now_ns()))).await;
    }

    fn restart_peaks(&self) {
        let all = self.instances.iter().chain(&self.services);
        all.flat_map(|of| &of.tree)
            .for_each(ProcessTree::restart_peak);
    }

    fn see(&mut self) -> Seen {
        Seen {
            instances: self.instances.iter_mut().map(Watching::used).collect(),
            services: self.services.iter_mut().map(Watching::used).collect(),
            own_cpu_ns: own_cpu_ns(),
            at: now_ns(),
        }
    }

    fn machine(&self) -> Option<MachineTimes> {
        MachineTimes::read().ok()
    }

    fn throttled(&self) -> Option<Duration> {
        cgroup::throttled()
    }

    fn scrape(&self) -> impl Future<Output = Scraped> + 'static {
        let metrics = self.metrics.clone();
        async move {
            let (asked, begun) = (now_ns(), Instant::now());
            let read = match metrics {
                Some((client, urls)) => answers(&client, &urls).await,
                None => Err("it has no metrics".to_owned()),
            };
            let took = begun.elapsed().as_nanos() as u64;
            Scraped {
                asked,
                answered: asked + took,
                read,
            }
        }
    }
}

/// Asks all instances at once.
async fn answers(client: &Client, urls: &[String]) -> Result<Answer, String> {
    let mut asking = JoinSet::new();
    for (at, url) in urls.iter().enumerate() {
        let (client, url) = (client.clone(), url.clone());
        asking.spawn(async move {
            let scraped =
                tokio::time::timeout(SCRAPE, metrics::scrape(&client, &url, is_wanted)).await;
            let scraped = match scraped {
                Ok(scraped) => scraped.map_err(|error| error.to_string()),
                Err(_) => Err(format!("its metrics took more than {SCRAPE:?}")),
            };
            (at, scraped.map(|metrics| figures(&metrics)))
        });
    }
    let mut answers = asking.join_all().await;
    answers.sort_by_key(|(at, _)| *at);
    let answers = answers.into_iter().map(|(_, answer)| answer);
    let answers: Vec<(Option<f64>, Reading)> = answers.collect::<Result<_, _>>()?;
    let cpu = answers.iter().filter_map(|(cpu, _)| *cpu);
    Ok(Answer {
        cpu_seconds: cpu.reduce(|sum, seconds| sum + seconds),
        instances: answers.iter().map(|(_, reading)| *reading).collect(),
    })
}

/// Whether a metric is one of the figures that are used.
fn is_wanted(metric: &str) -> bool {
    metric == PROCESS_CPU || is_published(metric)
}

fn figures(metrics: &Metrics) -> (Option<f64>, Reading) {
    let cpu = metrics.get(PROCESS_CPU);
    (
        cpu.filter(|seconds| seconds.is_finite()),
        Reading::of(metrics),
    )
}
