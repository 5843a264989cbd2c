//! XML as requests write it: elements in the order in which they are put.
//!
//! Texts are escaped and on one line; what XML cannot hold becomes a space. Names and what is put as it is come from the
//! code that writes, never from data.

use super::one_line;
use quick_xml::escape::escape;

/// A text on one line, of signs that XML has.
pub fn held(text: &str) -> String {
    one_line(text).replace(['\u{fffe}', '\u{ffff}'], " ")
}

/// A document, or a part of one.
#[derive(Clone, Debug, Default)]
pub struct Xml {
    text: String,
    after: &'static str,
}

impl Xml {
    /// One without a line break.
    pub fn compact() -> Self {
        Self::default()
    }

    /// One with each tag and each text on a line of its own.
    pub fn lines() -> Self {
        Self {
            text: String::new(),
            after: "\n",
        }
    }

    /// What was written.
    pub fn finish(self) -> String {
        self.text
    }

    /// What is XML already.
    pub fn raw(&mut self, xml: &str) {
        self.text.push_str(xml);
        self.text.push_str(self.after);
    }

    /// Opens an element.
    pub fn open(&mut self, name: &str) {
        self.open_with(name, &[]);
    }

    /// Opens an element with attributes.
    pub fn open_with(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.begin(name, attributes);
        self.text.push_str(self.after);
    }

    /// Closes an element.
    pub fn close(&mut self, name: &str) {
        self.end(name);
        self.text.push_str(self.after);
    }

    /// An element that holds a text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.text_with(name, &[], text);
    }

    /// An element with attributes that holds a text.
    pub fn text_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.begin(name, attributes);
        self.text.push_str(&escape(held(text).as_str()));
        self.end(name);
        self.text.push_str(self.after);
    }

    /// An element that holds a text, where there is one.
    pub fn some(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.text(name, text);
        }
    }

    /// An element that holds one that holds a text.
    pub fn within(&mut self, name: &str, (inner, attributes): (&str, &[(&str, &str)]), text: &str) {
        self.begin(name, &[]);
        self.begin(inner, attributes);
        self.text.push_str(&escape(held(text).as_str()));
        self.end(inner);
        self.end(name);
        self.text.push_str(self.after);
    }

    fn begin(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.text.push('<');
        self.text.push_str(name);
        for (name, value) in attributes {
            let value = held(value);
            self.text
                .push_str(&format!(" {name}=\"{}\"", escape(value.as_str())));
        }
        self.text.push('>');
    }

    fn end(&mut self, name: &str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_escaped_and_on_one_line() {
        let mut xml = Xml::compact();
        xml.open_with("a", &[("b", "\"<1>\" & \n2")]);
        xml.text("c", "x < y && z > 1 \u{0}\r\n\u{ffff}\u{1f9fe} שלום ]]>");
        xml.within("d", ("e", &[("f", "g")]), "'h'");
        xml.some("i", "");
        xml.close("a");
        assert_eq!(
            xml.finish(),
            "<a b=\"&quot;&lt;1&gt;&quot; &amp;  2\"><c>x &lt; y &amp;&amp; z &gt; 1     \u{1f9fe} שלום ]]&gt;</c>\
             <d><e f=\"g\">&apos;h&apos;</e></d></a>"
        );
        let mut xml = Xml::lines();
        xml.open("a");
        xml.text("b", "c");
        xml.close("a");
        assert_eq!(xml.finish(), "<a>\n<b>c</b>\n</a>\n");
    }
}
