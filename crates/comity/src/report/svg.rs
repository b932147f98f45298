//! A drawing: the few shapes that the charts are made of.
//!
//! Step 14 of the path. Shapes differ by being filled or outlined as well as by colour, so that a chart can be read
//! on a grey print. Every text is escaped here.

/// The colour of bars that count.
pub(super) const INK: &str = "#1f5f8b";
/// The colour of bars that take away.
pub(super) const RUST: &str = "#9a3412";
/// The colour of axes and small text.
const GREY: &str = "#555555";

/// A drawing under construction.
pub(super) struct Svg {
    head: String,
    body: String,
}

/// How a bar is drawn.
#[derive(Clone, Copy)]
pub(super) enum Fill {
    Solid(&'static str),
    Outline(&'static str),
}

/// Where a text is held.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// Begins a drawing that is read out as `title` and `description`.
    pub(super) fn new(width: f64, height: f64, title: &str, description: &str) -> Self {
        let head = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"13\">\
             <title>{}</title><desc>{}</desc>",
            escaped(title),
            escaped(description)
        );
        Self { head, body: String::new() }
    }

    /// Draws a bar from `x` to `end`, whichever is the left one.
    pub(super) fn bar(&mut self, (x, end): (f64, f64), (y, height): (f64, f64), fill: Fill) {
        let left = x.min(end);
        let width = (x - end).abs().max(1.0);
        let paint = match fill {
            Fill::Solid(colour) => format!("fill=\"{colour}\" stroke=\"{colour}\""),
            Fill::Outline(colour) => {
                format!("fill=\"#ffffff\" stroke=\"{colour}\" stroke-width=\"1.5\"")
            }
        };
        self.put(&format!(
            "<rect x=\"{left:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" {paint}/>"
        ));
    }

    /// Draws a dot.
    pub(super) fn dot(&mut self, (x, y): (f64, f64), radius: f64, fill: Fill) {
        let paint = match fill {
            Fill::Solid(colour) => format!("fill=\"{colour}\" stroke=\"{colour}\""),
            Fill::Outline(colour) => {
                format!("fill=\"#ffffff\" stroke=\"{colour}\" stroke-width=\"1.5\"")
            }
        };
        self.put(&format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" {paint}/>"));
    }

    /// Draws a thin line.
    pub(super) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.put(&format!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#c4c4c4\"/>"
        ));
    }

    /// Draws a line that means something: dashed and dark.
    pub(super) fn mark(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.put(&format!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#1b1b1b\" \
             stroke-width=\"1.5\" stroke-dasharray=\"5 3\"/>"
        ));
    }

    /// Draws a line through points, dark and whole.
    pub(super) fn curve(&mut self, points: &[(f64, f64)]) {
        let spelled: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.put(&format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#1b1b1b\" stroke-width=\"1.5\"/>",
            spelled.join(" ")
        ));
    }

    /// Writes a text on its base line.
    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        self.write((x, y), anchor, text, "fill=\"#1b1b1b\"");
    }

    /// Writes a heading.
    pub(super) fn heading(&mut self, (x, y): (f64, f64), text: &str) {
        self.write((x, y), Anchor::Start, text, "fill=\"#1b1b1b\" font-weight=\"600\"");
    }

    /// Writes a number on an axis.
    pub(super) fn small(&mut self, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        self.write((x, y), anchor, text, &format!("fill=\"{GREY}\" font-size=\"12\""));
    }

    fn write(&mut self, (x, y): (f64, f64), anchor: Anchor, text: &str, paint: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        // The white round the letters keeps them readable where a line runs behind.
        let paint = format!("{paint} stroke=\"#ffffff\" stroke-width=\"3\" paint-order=\"stroke\"");
        self.put(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {paint}>{text}</text>"
        ));
    }

    fn put(&mut self, shape: &str) {
        self.body.push_str(shape);
        self.body.push('\n');
    }

    /// Returns the drawing.
    pub(super) fn finish(self) -> String {
        format!("{}\n{}</svg>", self.head, self.body)
    }
}

/// Returns a text cut to what fits in so many letters; the table beside the chart has all of it.
pub(super) fn cut(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let kept: String = text.chars().take(letters.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            letter if letter.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            letter => escaped.push(letter),
        }
    }
    escaped
}
