//! Pictures as inline SVG, drawn with whole numbers.

/// One bar of several segments.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What stands at its left.
    pub label: String,
    /// Segments: what it is, how much, and the tone in which it is drawn.
    pub segments: Vec<(String, i64, Tone)>,
}

/// The tones of segments, from "as it should be" to "look here".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Known and harmless.
    Quiet,
    /// Waiting.
    Waiting,
    /// Look here.
    Bad,
}

impl Tone {
    const fn colour(self) -> &'static str {
        match self {
            Self::Good => "#2f6f5e",
            Self::Quiet => "#b9c4c0",
            Self::Waiting => "#d9a441",
            Self::Bad => "#b5402c",
        }
    }
}

const WIDTH: i64 = 720;
const LEFT: i64 = 150;
const ROW: i64 = 34;

/// Horizontal bars, each filling the width; segments in proportion, and a legend below.
pub fn bars(title: &str, bars: &[Bar]) -> String {
    let mut legend: Vec<(String, Tone)> = Vec::new();
    let mut drawn = String::new();
    let mut top = 6;
    for bar in bars {
        let total: i64 = bar.segments.iter().map(|(_, amount, _)| amount.abs()).sum();
        let mut left = LEFT;
        drawn.push_str(&format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            LEFT - 10,
            top + 16,
            escape(&bar.label)
        ));
        for (what, amount, tone) in &bar.segments {
            if *amount == 0 {
                continue;
            }
            if !legend.iter().any(|(known, _)| known == what) {
                legend.push((what.clone(), *tone));
            }
            let width = share(amount.abs(), total, WIDTH - LEFT).max(2);
            drawn.push_str(&format!(
                "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"22\" fill=\"{}\"><title>{}: {amount}</title></rect>",
                tone.colour(),
                escape(what)
            ));
            if width > 40 {
                drawn.push_str(&format!(
                    "<text x=\"{}\" y=\"{}\" fill=\"#fff\">{amount}</text>",
                    left + 6,
                    top + 16
                ));
            }
            left += width;
        }
        top += ROW;
    }
    let mut left = LEFT;
    for (what, tone) in &legend {
        drawn.push_str(&format!(
            "<rect x=\"{left}\" y=\"{}\" width=\"11\" height=\"11\" fill=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text>",
            top + 4,
            tone.colour(),
            left + 16,
            top + 14,
            escape(what)
        ));
        left += 34 + i64::try_from(what.chars().count()).unwrap_or(0) * 7;
    }
    let height = top + 24;
    let wide = (WIDTH + 10).max(left);
    format!(
        "<svg viewBox=\"0 0 {wide} {height}\" width=\"{wide}\" role=\"img\" aria-label=\"{}\">{drawn}</svg>",
        escape(title)
    )
}

/// `part / whole` of a length, in whole units.
fn share(part: i64, whole: i64, length: i64) -> i64 {
    let wide = i128::from(part) * i128::from(length);
    wide.checked_div(i128::from(whole))
        .and_then(|share| i64::try_from(share).ok())
        .unwrap_or(0)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
