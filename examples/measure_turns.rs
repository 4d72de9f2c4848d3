#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]
use std::num::NonZeroU32;
use std::process::ExitCode;
use telemload::experiment::*;
use telemload::metrics::Tally;
use telemload::result::*;
struct Nobody;
impl Observer for Nobody {
    fn hashing(&self, _: u64) {}
    fn hashed(&self) {}
    fn phase(&self, _: &PhaseStart<'_>) {}
    fn live(&self, _: &Live) {}
    fn phase_over(&self) {}
}
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    if ["supervise", "exec-with-parent", "gateway"].contains(&args[1].as_str()) {
        return telemload::cli::main(std::env::args_os());
    }
    let plan = telemload::scenario::load(args[1].as_ref(), &Default::default()).unwrap();
    let at = |name: &str| plan.variants.iter().find(|v| v.name == name).unwrap();
    let (base, head, blocks) = (at(&args[2]), at(&args[3]), args[4].parse::<u32>().unwrap());
    let latencies = args.get(5).is_none_or(|a| a != "closed");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (_ask, asked) = tokio::sync::watch::channel(0);
    let stop = Stop(asked);
    let home = tempfile::tempdir().unwrap();
    let dir = RunDir::at(home.path());
    runtime.block_on(async {
        let paired = Paired { plan: &plan, arms: Arms { base, head }, load: &base.phases[0].load, relaunch: Relaunch::Every(NonZeroU32::MIN), latencies, dir: &dir, observer: &Nobody, stop: &stop };
        let mut pair = Pair::new(paired, jiff::Timestamp::now()).unwrap();
        let mut all: Vec<[f64; 6]> = Vec::new();
        for n in 1..=blocks {
            let begun = std::time::Instant::now();
            let block = pair.block(n).await.unwrap().unwrap();
            let took = begun.elapsed();
            if n == 1 { println!("{:?}", pair.pacing()); }
            let t = |t: &Turns| Tally::sum(&t.tallies);
            let f = |a: &ArmBlock| {
                let c = t(&a.closed);
                let o = a.open.as_ref().map(t).unwrap_or_default();
                let q = |h: &hdrhistogram::Histogram<u64>, q| h.value_at_quantile(q) as f64;
                [a.cpu.map_or(f64::NAN, |c_| c_.as_nanos() as f64) / c.ok as f64,
                 c.completed_ok as f64 / a.closed.active.as_secs_f64(),
                 a.open_cpu.map_or(f64::NAN, |c_| c_.as_nanos() as f64) / o.ok as f64,
                 q(&o.latency, 0.5), q(&o.latency, 0.99), a.peak_bytes.unwrap_or(0) as f64]
            };
            let (b, h) = (f(&block.arms.base), f(&block.arms.head));
            let d: Vec<f64> = b.iter().zip(h).map(|(b, h)| (h / b).ln() * 100.0).collect();
            println!("{n:2} {took:5.2?} cpu {:6.1}µs {:+5.2} cap {:7.0} {:+5.2} opencpu {:6.1} {:+5.2} p50 {:6.1} {:+6.2} p99 {:7.1} {:+6.1} foreign {:.2} steal {:.3} gen {:.2} lag {:?} died {:?} {:?} fail {} {}",
                b[0]/1e3, d[0], b[1], d[1], b[2]/1e3, d[2], b[3]/1e3, d[3], b[4]/1e3, d[4],
                block.around.foreign_cores.unwrap_or(f64::NAN), block.around.steal.unwrap_or(f64::NAN), block.around.generator_cores, block.around.dispatch_lag_p99,
                block.arms.base.died, block.arms.head.died, t(&block.arms.base.closed).failed, t(&block.arms.head.closed).failed);
            all.push([d[0], d[1], d[2], d[3], d[4], d[5]]);
        }
        pair.finish().await;
        for (i, name) in ["cpu", "capacity", "open cpu", "p50", "p99"].iter().enumerate() {
            let v: Vec<f64> = all.iter().map(|a| a[i]).filter(|x| x.is_finite()).collect();
            let n = v.len() as f64;
            let m = v.iter().sum::<f64>() / n;
            let sd = (v.iter().map(|x| (x - m).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
            println!("{name}: n {n} mean {m:+.2} % SD {sd:.2} % t {:.1}", m / sd * n.sqrt());
        }
    });
    ExitCode::SUCCESS
}
