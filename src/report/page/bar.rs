//! An interval as a small picture in a row of a table: worse to the right, no change in the middle.

use std::fmt::Write as _;

use crate::report::figures::gate::Reached;

const WIDTH: f64 = 210.0;
const HEIGHT: f64 = 22.0;
/// From the middle to the reach of the bar.
const HALF: f64 = 98.0;

/// The picture. What lies beyond the reach is an arrow.
pub(super) fn bar(of: &Reached) -> String {
    let x = |at: f64| WIDTH / 2.0 + at.clamp(-1.0, 1.0) * HALF;
    let middle = HEIGHT / 2.0;
    let mut text = format!(
        "<svg class=\"interval\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" aria-hidden=\"true\"><path class=\"grid\" d=\"M{0} 1V{1}\" stroke=\"#828d99\"/>",
        WIDTH / 2.0,
        HEIGHT - 1.0
    );
    // Writing to a String cannot fail.
    for (at, dashes) in of.limits.iter().flat_map(|of| [(of.0, "2 2"), (of.1, "")]) {
        let _ = write!(
            text,
            "<path class=\"ink\" d=\"M{:.1} 2V{}\" stroke=\"#1b2026\" stroke-width=\"1.2\" stroke-dasharray=\"{dashes}\"/>",
            x(at),
            HEIGHT - 2.0
        );
    }
    let _ = write!(
        text,
        "<path class=\"ink\" d=\"M{:.1} {middle}H{:.1}\" stroke=\"#1b2026\" stroke-width=\"2\"/>",
        x(of.low),
        x(of.high)
    );
    for (at, way) in [(of.low, -1.0), (of.high, 1.0)] {
        let (top, bottom) = (middle - 4.0, middle + 4.0);
        let shape = if at * way > 1.0 {
            let tip = x(at) + way * 5.0;
            format!("M{:.1} {top}L{tip:.1} {middle}L{0:.1} {bottom}", x(at))
        } else {
            format!("M{:.1} {top}V{bottom}", x(at))
        };
        let _ = write!(
            text,
            "<path class=\"ink\" d=\"{shape}\" fill=\"none\" stroke=\"#1b2026\" stroke-width=\"1.5\"/>"
        );
    }
    if of.by.abs() <= 1.0 {
        let _ = write!(
            text,
            "<circle class=\"text\" cx=\"{:.1}\" cy=\"{middle}\" r=\"3.5\" fill=\"#1b2026\"/>",
            x(of.by)
        );
    }
    text.push_str("</svg>");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_reach_is_an_arrow_and_nothing_leaves_the_picture() {
        let svg = |low, by, high| {
            let limits = Some((0.25, 0.5));
            bar(&Reached {
                low,
                by,
                high,
                limits,
            })
        };
        let inside = svg(-0.5, 0.0, 0.5);
        assert!(
            inside.contains("M56.0 11H154.0") && inside.contains("cx=\"105.0\""),
            "{inside}"
        );
        assert!(inside.contains("M129.5 2V20") && inside.contains("M154.0 2V20"));
        let outside = svg(0.5, 2.0, f64::INFINITY);
        assert!(outside.contains("M203.0 7L208.0 11L203.0 15"), "{outside}");
        assert!(
            !outside.contains("<circle") && !outside.contains("inf") && !outside.contains("NaN")
        );
    }
}
