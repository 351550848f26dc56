//! Nodes as HTML, written so that [`super::hydrate`] finds each again: a comment ends what can change, and stands between
//! two texts, which a parser would otherwise make one.

use super::{Element, Node, Value};

const VOID: [&str; 5] = ["br", "hr", "img", "input", "link"];

impl Node {
    /// The HTML.
    #[must_use]
    pub fn to_html(self) -> String {
        let mut html = String::with_capacity(4 * 1024);
        self.write(&mut html, &mut false);
        html
    }

    /// `after_text` says whether the last thing written was a text.
    fn write(self, html: &mut String, after_text: &mut bool) {
        match self {
            Self::Empty => {}
            Self::Text(text) => {
                // No text leaves no node: the browser makes an empty one.
                if !text.is_empty() {
                    if *after_text {
                        html.push_str("<!>");
                    }
                    escape(html, &text);
                    *after_text = true;
                }
            }
            Self::Element(element) => {
                element.write(html);
                *after_text = false;
            }
            Self::Many(nodes) => nodes.into_iter().for_each(|node| node.write(html, after_text)),
            Self::Live(read) => {
                read().write(html, after_text);
                html.push_str("<!>");
                *after_text = false;
            }
            Self::Each(each) => {
                for key in (each.keys)() {
                    (each.row)(key).write(html, after_text);
                }
                html.push_str("<!>");
                *after_text = false;
            }
        }
    }
}

impl Element {
    fn write(self, html: &mut String) {
        html.push('<');
        html.push_str(self.tag);
        let mut inside = None;
        for (name, value) in &self.attributes {
            let value = match value {
                Value::Fixed(value) => Some(value.clone()),
                Value::Live(read) => read(),
                Value::Field(read) => Some(read()).filter(|text| !text.is_empty()).map(Into::into),
                Value::Checked(read) => read().then_some("".into()),
            };
            // A text area has its value inside.
            if self.tag == "textarea" && *name == "value" {
                inside = value;
            } else if let Some(value) = value {
                html.push(' ');
                html.push_str(name);
                html.push_str("=\"");
                escape(html, &value);
                html.push('"');
            }
        }
        html.push('>');
        if VOID.contains(&self.tag) {
            return;
        }
        if let Some(value) = inside {
            // A parser takes one line break at the beginning for itself.
            html.push('\n');
            escape(html, &value);
        }
        let mut after_text = false;
        self.children.into_iter().for_each(|child| child.write(html, &mut after_text));
        html.push_str("</");
        html.push_str(self.tag);
        html.push('>');
    }
}

fn escape(html: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            other => html.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Node, div, el, live};

    #[test]
    fn text_and_attributes_can_not_become_markup() {
        let evil = "<script>\"&'</script>";
        let html = Node::from(div("a").attr("title", evil).child(evil.to_owned()).child(live(move || evil))).to_html();
        assert_eq!(html.matches("<script").count(), 0, "{html}");
        assert!(html.starts_with("<div class=\"a\" title=\"&lt;script&gt;&quot;&amp;'"), "{html}");
    }

    #[test]
    fn what_stands_in_a_text_area_is_in_the_html_and_no_markup() {
        let area = |text: &'static str| Node::from(el("textarea", "").field(move || text.to_owned())).to_html();
        assert_eq!(area("\n{ \"a\": 1 }</textarea>"), "<textarea>\n\n{ &quot;a&quot;: 1 }&lt;/textarea&gt;</textarea>");
        assert_eq!(area(""), "<textarea></textarea>", "a placeholder shows");
    }

    #[test]
    fn texts_side_by_side_stay_two() {
        let html = Node::from(el("p", "").child("a").child("b").child(live(|| "c")).child("d")).to_html();
        assert_eq!(html, "<p>a<!>b<!>c<!>d</p>");
    }
}
