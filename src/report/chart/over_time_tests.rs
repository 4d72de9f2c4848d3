//! What panels hold of stored series.

use std::time::Duration;

use super::*;
use crate::result::samples::{phase, run};
use crate::result::{PhaseResult, VariantResult};
use crate::scenario::Arrivals;
use crate::units::Rate;

fn series(rows: u32, interval_ms: u32) -> String {
    let mut text = "round,t_ms,throughput_rps,failed,latency_p50_us,latency_p99_us,latency_max_us,errors_timeout,errors_status,bcrypt\n".to_owned();
    for at in 0..rows {
        let t = at * interval_ms;
        let bcrypts = if at % 10 == 5 { 4 } else { 0 };
        text += &format!(
            "1,{t},{},{},100,{},900,0,{},{bcrypts}\n",
            1000 + at % 2,
            at % 2,
            200 + at % 7,
            at % 2
        );
    }
    text
}

fn found(variants: usize) -> RunResult {
    let mut run = run(phase(|_| {}), None);
    let mut one = run.variants.remove(0);
    let rate = Rate::new(1000.0).unwrap();
    one.phases[0].load.model = LoadModel::Open {
        pace: Pace::Constant(rate),
        arrivals: Arrivals::Constant,
    };
    one.phases[0].load.duration = Duration::from_secs(3_600);
    run.variants = (0..variants)
        .map(|at| VariantResult {
            name: format!("v{at}"),
            ..one.clone()
        })
        .collect();
    run
}

fn recorded(variant: &str, text: String) -> Recorded {
    Recorded {
        variant: variant.to_owned(),
        phase: "load".to_owned(),
        round: 1,
        series: Some(text),
        latency: None,
    }
}

fn line<'a>(panel: &'a Panel, chart: &str, name: &str) -> &'a Line {
    let chart = panel.charts.iter().find(|of| of.name == chart).unwrap();
    let found = chart.lines.iter().find(|of| of.name == name);
    found.unwrap_or_else(|| panic!("no {name} in {:?}", chart.lines))
}

#[test]
fn an_hour_has_as_many_points_as_ten_minutes() {
    let files = [
        recorded("v0", series(3_600, 1_000)),
        recorded("v1", series(600, 1_000)),
    ];
    let panels = panels(&found(2), &files);
    let [panel] = &panels[..] else {
        panic!("{}", panels.len())
    };
    assert_eq!((panel.xs.len(), panel.step, panel.joined), (600, 6.0, 6));
    // The largest of six, and sums by second.
    assert_eq!(line(panel, "latency", "v0 p99").values[0], Some(205.0));
    assert_eq!(line(panel, "errors", "v0 status").values[0], Some(0.5));
    assert_eq!(line(panel, "bcrypt", "v0").values[0], Some(4.0));
    assert_eq!(line(panel, "rate", "v0").values[0], Some(1000.5));
    assert_eq!(line(panel, "rate", "planned").values[599], Some(1000.0));
    assert_eq!(
        line(panel, "rate", "v1").values[100],
        None,
        "it was shorter"
    );
    assert_eq!(
        panel.missing.len(),
        2,
        "no latency.hlog: {:?}",
        panel.missing
    );
}

#[test]
fn many_panels_have_fewer_points_each() {
    let mut run = found(8);
    let files: Vec<_> = (0..8)
        .map(|at| recorded(&format!("v{at}"), series(600, 1_000)))
        .collect();
    let points = |run: &RunResult| panels(run, &files)[0].xs.len();
    assert_eq!(points(&run), 600);
    for variant in &mut run.variants {
        let one = variant.phases[0].clone();
        for at in 0..20 {
            variant.phases.push(PhaseResult {
                name: format!("p{at}"),
                ..one.clone()
            });
        }
    }
    assert_eq!(points(&run), 100);
}

#[test]
fn what_a_series_does_not_have_is_said_and_no_chart() {
    let check = |text: Option<&str>, says: &str| {
        let file = Recorded {
            series: text.map(str::to_owned),
            ..recorded("v0", String::new())
        };
        let panels = panels(&found(1), &[file]);
        assert!(
            panels[0].missing[0].contains(says),
            "{:?}",
            panels[0].missing
        );
        assert!(
            panels[0].charts.iter().all(|of| of.name == "rate"),
            "{:?}",
            panels[0].charts
        );
    };
    check(None, "v0 has no series.csv");
    check(Some(""), "has no row");
    check(Some("t_ms,failed\n"), "has no row");
    // A time that no run has costs no memory.
    let file = recorded("v0", "t_ms,failed\n0,0\n1,0\n1e300,3\n".to_owned());
    let panel = &panels(&found(1), &[file])[0];
    assert!(panel.xs.len() <= POINTS);
}

#[test]
fn older_series_tell_the_sum_of_failures() {
    let file = recorded("v0", "t_ms,failed\n0,0\n1000,3\n".to_owned());
    let panels = panels(&found(1), &[file]);
    assert_eq!(
        line(&panels[0], "errors", "v0 failed").values,
        [Some(0.0), Some(3.0)]
    );
}

#[test]
fn bursts_of_bcrypts_are_marked_and_steady_ones_are_not() {
    let marked = |of: fn(u32) -> u32| {
        let rows = (0..40).map(|at| format!("{},{}\n", at * 500, of(at)));
        let text = "t_ms,bcrypt\n".to_owned() + &rows.collect::<String>();
        panels(&found(1), &[recorded("v0", text)])[0]
            .expiries
            .clone()
    };
    assert_eq!(
        marked(|at| u32::from(at % 10 == 6) * 4),
        [3.0, 8.0, 13.0, 18.0]
    );
    assert_eq!(marked(|at| u32::from(at % 10 < 7)), Vec::<f64>::new());
    assert_eq!(marked(|_| 0), Vec::<f64>::new());
}
