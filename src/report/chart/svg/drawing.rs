//! A picture in the making: presentation attributes alone, and classes by which a page that has styles gives other colours.

use std::fmt::Write as _;

use super::place::Place;
use super::scale::{Scale, count, nice};
use crate::report::chart::{Axis, Heat, Limit, Line, Look, Span, Unit, rounded, words};
use crate::report::inert::escaped;

/// Colours of variants on white, told apart by readers with any colour vision (M. Okabe and K. Ito, 2008), the darker ones of them.
const COLOURS: [&str; 6] = [
    "#0072b2", "#c44e00", "#00735c", "#a3467a", "#7a6000", "#3f4a55",
];
const INK: &str = "#1b2026";
const SOFT: &str = "#5b6673";
const GRID: &str = "#d5dae0";

const WIDTH: f64 = 720.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 12.0;
/// Height of the axis below a chart.
const FOOT: f64 = 22.0;
/// Of a lane of bars, and of a line of a legend.
pub(super) const LANE: f64 = 26.0;
const LEGEND: f64 = 18.0;

/// The colour of a variant, and its class.
pub(super) fn paint(variant: Option<usize>) -> (&'static str, String) {
    match variant {
        Some(at) => (
            COLOURS[at % COLOURS.len()],
            format!("v{}", at % COLOURS.len()),
        ),
        None => (SOFT, "vn".to_owned()),
    }
}

pub(super) fn dashes(look: Look) -> &'static str {
    match look {
        Look::Solid | Look::Thin => "",
        Look::Dashed => " stroke-dasharray=\"7 4\"",
        Look::Dotted => " stroke-dasharray=\"2 3\"",
    }
}

pub(super) fn thickness(look: Look) -> f64 {
    match look {
        Look::Solid => 1.8,
        Look::Dashed | Look::Dotted => 1.5,
        Look::Thin => 0.7,
    }
}

/// A picture in the making.
pub(super) struct Drawing {
    text: String,
    top: f64,
    height: f64,
    ends: (f64, f64),
}

// Writing to a String cannot fail, here and below.
impl Drawing {
    pub(super) fn new(title: &str, place: Place, height: f64, ends: (f64, f64)) -> Self {
        let title = escaped(title);
        let top = if place == Place::Alone {
            30.0 + LEGEND
        } else {
            8.0
        };
        let all = top + height + FOOT;
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {all}\" width=\"{WIDTH}\" height=\"{all}\" role=\"img\" aria-label=\"{title}\" font-family=\"system-ui, sans-serif\" font-size=\"12\">"
        );
        if place == Place::Alone {
            let _ = write!(
                text,
                "<rect width=\"{WIDTH}\" height=\"{all}\" fill=\"#ffffff\"/><text x=\"{LEFT}\" y=\"20\" font-size=\"15\" font-weight=\"600\" fill=\"{INK}\">{title}</text>"
            );
        }
        let ends = if ends.1 > ends.0 {
            ends
        } else {
            (ends.0, ends.0 + 1.0)
        };
        Self {
            text,
            top,
            height,
            ends,
        }
    }

    pub(super) fn x(&self, at: f64) -> f64 {
        let part = (at - self.ends.0) / (self.ends.1 - self.ends.0);
        LEFT + part.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    pub(super) fn y(&self, part: f64) -> f64 {
        self.top + (1.0 - part) * self.height
    }

    pub(super) fn legend(&mut self, lines: &[Line]) {
        let mut x = LEFT;
        for line in lines {
            let (colour, _) = paint(line.variant);
            let width = 34.0 + 6.6 * line.name.chars().count() as f64;
            if x + width > WIDTH {
                break;
            }
            let _ = write!(
                self.text,
                "<path d=\"M{x:.0} 36h22\" stroke=\"{colour}\" stroke-width=\"2\"{}/><text x=\"{:.0}\" y=\"40\" fill=\"{INK}\">{}</text>",
                dashes(line.look),
                x + 26.0,
                escaped(&line.name)
            );
            x += width + 8.0;
        }
    }

    pub(super) fn scale_lines(&mut self, scale: &Scale, unit: Unit) {
        for value in scale.steps() {
            let y = self.y(scale.part(value));
            let _ = write!(
                self.text,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{}\" stroke=\"{GRID}\"/><text class=\"soft\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{SOFT}\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0,
                words(unit, value)
            );
        }
    }

    pub(super) fn line(&mut self, xs: &[f64], line: &Line, scale: &Scale) {
        let (colour, class) = paint(line.variant);
        let mut path = String::new();
        let mut is_on = false;
        for (x, value) in xs.iter().zip(&line.values) {
            let Some(value) = value else {
                // Points in steps wider than the axis' own are joined all the same.
                is_on &= line.request.is_some();
                continue;
            };
            let command = if is_on { 'L' } else { 'M' };
            let _ = write!(
                path,
                "{command}{:.1} {:.1}",
                self.x(*x),
                self.y(scale.part(*value))
            );
            is_on = true;
        }
        if path.is_empty() {
            return;
        }
        let _ = write!(
            self.text,
            "<path class=\"{class}\" d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{}\" stroke-linejoin=\"round\" stroke-linecap=\"round\"{}/>",
            thickness(line.look),
            dashes(line.look)
        );
    }

    pub(super) fn lanes(&mut self, xs: &[f64], step: f64, lines: &[Line]) {
        let values = lines.iter().flat_map(|line| line.values.iter().flatten());
        let most = values.copied().fold(0.0, f64::max).max(1e-9);
        for (lane, line) in lines.iter().enumerate() {
            let (colour, class) = paint(line.variant);
            let bottom = self.top + (lane + 1) as f64 * LANE;
            let _ = write!(
                self.text,
                "<path class=\"grid\" d=\"M{LEFT} {bottom}H{}\" stroke=\"{GRID}\"/><text class=\"soft\" x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"{SOFT}\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                bottom - 6.0,
                escaped(&line.name.chars().take(11).collect::<String>())
            );
            let mut path = String::new();
            for (x, value) in xs.iter().zip(&line.values) {
                let Some(value) = value.filter(|value| *value > 0.0) else {
                    continue;
                };
                let (from, to) = (self.x(*x), self.x(x + step));
                // One that ran is seen beside hundreds.
                let height = (value / most * (LANE - 4.0)).max(3.0);
                let _ = write!(
                    path,
                    "M{from:.1} {bottom}v-{height:.1}h{:.1}v{height:.1}z",
                    (to - from).max(1.0)
                );
            }
            if !path.is_empty() {
                let _ = write!(
                    self.text,
                    "<path class=\"f{class}\" d=\"{path}\" fill=\"{colour}\"/>"
                );
            }
        }
    }

    pub(super) fn heat(&mut self, heat: &Heat, scale: &Scale) {
        const SHADES: usize = 6;
        let mut shades = vec![String::new(); SHADES];
        for (column, (first, counts)) in heat.columns.iter().enumerate() {
            let from = self.x(column as f64 * heat.step);
            let width = self.x((column + 1) as f64 * heat.step) - from;
            for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let (low, high) = Heat::bounds(first + at);
                let (top, bottom) = (self.y(scale.part(high)), self.y(scale.part(low)));
                let part = (1.0 + *count as f64).ln() / (1.0 + heat.most as f64).ln();
                let shade = ((part * SHADES as f64) as usize).min(SHADES - 1);
                let _ = write!(
                    shades[shade],
                    "M{from:.1} {top:.1}h{width:.1}V{bottom:.1}H{from:.1}z"
                );
            }
        }
        let (colour, class) = paint(Some(heat.variant));
        for (shade, path) in shades
            .iter()
            .enumerate()
            .filter(|(_, path)| !path.is_empty())
        {
            let opacity = (shade + 1) as f64 / SHADES as f64;
            let _ = write!(
                self.text,
                "<path class=\"f{class}\" d=\"{path}\" fill=\"{colour}\" fill-opacity=\"{opacity:.2}\"/>"
            );
        }
    }

    pub(super) fn span(&mut self, span: &Span, scale: &Scale) {
        let (colour, class) = paint(Some(span.variant));
        let (x, low) = (self.x(span.at), self.y(scale.part(span.low)));
        let high = self.y(span.high.map_or(1.0, |high| scale.part(high)));
        let end = if span.high.is_some() {
            format!("M{:.1} {high:.1}h10", x - 5.0)
        } else {
            String::new()
        };
        let _ = write!(
            self.text,
            "<path class=\"{class}\" d=\"M{x:.1} {low:.1}V{high:.1}M{:.1} {low:.1}h10{end}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.2\" stroke-opacity=\"0.75\"/>",
            x - 5.0
        );
    }

    pub(super) fn limit(&mut self, limit: &Limit, scale: &Scale) {
        let (x, y) = (self.x(limit.at), self.y(scale.part(limit.value)));
        let _ = write!(
            self.text,
            "<path class=\"ink\" d=\"M{LEFT} {y:.1}H{x:.1}\" stroke=\"{INK}\" stroke-dasharray=\"1 3\"/><path class=\"ink\" d=\"M{x:.1} {:.1}v12\" stroke=\"{INK}\" stroke-width=\"2\"/><text class=\"text\" x=\"{}\" y=\"{:.1}\" fill=\"{INK}\">{}</text>",
            y - 6.0,
            LEFT + 6.0,
            y - 4.0,
            escaped(&limit.words)
        );
    }

    pub(super) fn marks(&mut self, marks: &[f64], dashes: &str) {
        for mark in marks {
            let x = self.x(*mark);
            let _ = write!(
                self.text,
                "<path class=\"grid\" d=\"M{x:.1} {}v{}\" stroke=\"{SOFT}\" stroke-dasharray=\"{dashes}\"/>",
                self.top, self.height
            );
        }
    }

    pub(super) fn time_axis(&mut self) {
        self.axis(Axis::Time);
    }

    pub(super) fn axis(&mut self, axis: Axis) {
        let (y, end) = (self.top + self.height, self.ends.1);
        let _ = write!(
            self.text,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{}\" stroke=\"{SOFT}\"/>",
            WIDTH - RIGHT
        );
        let step = match axis {
            Axis::Time => nice(end / 8.0),
            Axis::Percentile => 1.0,
        };
        for at in 0..=count(end, step) {
            let value = at as f64 * step;
            let label = match axis {
                Axis::Time => format!("{} s", rounded(value)),
                Axis::Percentile => percentile(at),
            };
            let _ = write!(
                self.text,
                "<path class=\"grid\" d=\"M{:.1} {y:.1}v4\" stroke=\"{SOFT}\"/><text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{SOFT}\">{label}</text>",
                self.x(value),
                self.x(value).min(WIDTH - RIGHT - 14.0),
                y + 16.0
            );
        }
    }

    pub(super) fn end(mut self) -> String {
        self.text.push_str("</svg>");
        self.text
    }
}

/// A power of ten of 1 / (1 − p) as a percentile.
fn percentile(nines: usize) -> String {
    match nines {
        0 => "0 %".to_owned(),
        1 => "90 %".to_owned(),
        2 => "99 %".to_owned(),
        more => format!("99.{} %", "9".repeat(more - 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_named_by_their_nines() {
        let named = [0, 1, 2, 4].map(percentile);
        assert_eq!(named, ["0 %", "90 %", "99 %", "99.99 %"]);
    }
}
