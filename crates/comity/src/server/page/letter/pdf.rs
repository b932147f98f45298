//! The letter as a PDF of one or more A4 pages, set in Helvetica, which every reader has: no font is carried along.
//!
//! Helvetica's letters are those of windows-1252. A letter with others in it (`Hồ`) is not spelled wrong: it has no PDF
//! ([`CannotSpell`]), and is printed from the page, which any browser sets with the machine's own fonts.

use super::Block;
use crate::letters::Words;
use pdf_writer::types::StructRole;
use pdf_writer::{Content, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};

const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 68.0;

/// A letter that Helvetica does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the letter has signs that this PDF's font lacks; print it from the page")]
pub(crate) struct CannotSpell;

/// One line on its page.
struct Line {
    bytes: Vec<u8>,
    x: f32,
    y: f32,
    size: f32,
    is_bold: bool,
    role: Role,
}

/// What a line belongs to: lines of one number are one paragraph to a reader that speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Role {
    number: usize,
    is_heading: bool,
}

/// Sets a letter.
///
/// # Errors
/// It has signs that the font lacks.
pub(crate) fn pdf(language: &Words, blocks: &[Block]) -> Result<Vec<u8>, CannotSpell> {
    let mut setting = Setting {
        pages: vec![Vec::new()],
        y: HEIGHT - MARGIN,
        role: Role { number: 0, is_heading: false },
    };
    for block in blocks {
        setting.block(block)?;
    }
    let title = blocks
        .iter()
        .find_map(|block| match block {
            Block::Subject(subject) => Some(subject.as_str()),
            _ => None,
        })
        .unwrap_or_default();
    Ok(written(language, title, &setting.pages))
}

/// Lines as they fill pages.
struct Setting {
    pages: Vec<Vec<Line>>,
    y: f32,
    role: Role,
}

impl Setting {
    fn block(&mut self, block: &Block) -> Result<(), CannotSpell> {
        self.role = Role { number: self.role.number + 1, is_heading: false };
        match block {
            Block::Lines(lines) => {
                for line in lines {
                    self.paragraph(line, 0.0, 11.0, false)?;
                }
            }
            Block::Subject(text) => {
                self.role.is_heading = true;
                self.y -= 8.0;
                self.paragraph(text, 0.0, 14.0, true)?;
            }
            Block::Heading(text) => {
                self.role.is_heading = true;
                self.room(50.0);
                self.y -= 6.0;
                self.paragraph(text, 0.0, 12.0, true)?;
                self.y += 6.0;
            }
            Block::Text(text) => self.paragraph(text, 0.0, 11.0, false)?,
            Block::List(lines) => {
                for line in lines {
                    self.role.number += 1;
                    self.paragraph(&format!("\u{2022} {line}"), 10.0, 11.0, false)?;
                }
            }
            Block::Rows(rows) => {
                for (name, value) in rows {
                    self.role.number += 1;
                    self.paragraph(&format!("{name}: {value}"), 10.0, 11.0, false)?;
                }
            }
            Block::Code(code) => self.paragraph(code, 10.0, 16.0, true)?,
        }
        self.y -= 9.0;
        Ok(())
    }

    fn room(&mut self, height: f32) {
        if self.y - height < MARGIN {
            self.pages.push(Vec::new());
            self.y = HEIGHT - MARGIN;
        }
    }

    fn paragraph(
        &mut self,
        text: &str,
        indent: f32,
        size: f32,
        is_bold: bool,
    ) -> Result<(), CannotSpell> {
        let (bytes, _, is_missing) = encoding_rs::WINDOWS_1252.encode(text);
        // Controls would be drawn as nothing.
        if is_missing || bytes.iter().any(|byte| *byte < b' ') {
            return Err(CannotSpell);
        }
        let room = WIDTH - 2.0 * MARGIN - indent;
        let mut line: Vec<u8> = Vec::new();
        for word in bytes.split(|byte| *byte == b' ') {
            for piece in pieces(word, size, is_bold, room) {
                let with = if line.is_empty() { 0.0 } else { width(b" ", size, is_bold) };
                if !line.is_empty()
                    && width(&line, size, is_bold) + with + width(piece, size, is_bold) > room
                {
                    self.line(std::mem::take(&mut line), indent, size, is_bold);
                }
                if !line.is_empty() {
                    line.push(b' ');
                }
                line.extend(piece);
            }
        }
        self.line(line, indent, size, is_bold);
        Ok(())
    }

    fn line(&mut self, bytes: Vec<u8>, indent: f32, size: f32, is_bold: bool) {
        self.room(size * 1.4);
        self.y -= size * 1.4;
        let line = Line { bytes, x: MARGIN + indent, y: self.y, size, is_bold, role: self.role };
        if let Some(page) = self.pages.last_mut() {
            page.push(line);
        }
    }
}

/// Cuts a word that is longer than a line.
fn pieces(word: &[u8], size: f32, is_bold: bool, room: f32) -> Vec<&[u8]> {
    if width(word, size, is_bold) <= room {
        return vec![word];
    }
    // No letter of Helvetica is wider than the size itself (`@` comes to 1.015).
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few dozen letters"
    )]
    let most = (room / (size * 1.02)) as usize;
    word.chunks(most.max(1)).collect()
}

/// How wide Helvetica's letters are, in thousandths of the size, from the space to the tilde: facts of the font, as its
/// published metrics have them.
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

fn width(bytes: &[u8], size: f32, is_bold: bool) -> f32 {
    let thousandths: f32 = bytes
        .iter()
        .map(|byte| {
            // Letters with accents are as wide as without; the few that are wider are taken as wide as the widest.
            let known = WIDTHS.get(usize::from(byte.wrapping_sub(b' ')));
            f32::from(*known.unwrap_or(&778))
        })
        .sum();
    // The bold letters are wider by less than a tenth.
    thousandths / 1000.0 * size * if is_bold { 1.1 } else { 1.0 }
}

/// A paragraph or heading: what it is, its place, and the pages and marks of its lines.
type Element = (Role, Ref, Vec<(Ref, i32)>);

fn written(language: &Words, title: &str, pages: &[Vec<Line>]) -> Vec<u8> {
    let mut pdf = Pdf::new();
    let mut last = 0;
    let mut next = || {
        last += 1;
        Ref::new(last)
    };
    let (catalog, tree, regular, bold, info, root) =
        (next(), next(), next(), next(), next(), next());
    let ids: Vec<(Ref, Ref)> = pages.iter().map(|_| (next(), next())).collect();
    // What a reader that speaks goes by: paragraphs and headings in order, each with its lines' marks.
    let mut elements: Vec<Element> = Vec::new();
    for (page, (id, _)) in pages.iter().zip(&ids) {
        for (mark, line) in page.iter().enumerate() {
            let mark = (*id, i32::try_from(mark).unwrap_or(i32::MAX));
            match elements.last_mut() {
                Some((role, _, marks)) if *role == line.role => marks.push(mark),
                _ => elements.push((line.role, next(), vec![mark])),
            }
        }
    }
    let parents = next();
    let mut start = pdf.catalog(catalog);
    start.pages(tree).lang(TextStr(language.code()));
    start.pair(Name(b"StructTreeRoot"), root);
    start.mark_info().marked(true);
    start.viewer_preferences().display_doc_title(true);
    start.finish();
    pdf.document_info(info).title(TextStr(title)).producer(TextStr("Comity"));
    pdf.pages(tree)
        .kids(ids.iter().map(|(page, _)| *page))
        .count(i32::try_from(ids.len()).unwrap_or(i32::MAX));
    for (number, (page, (id, content))) in pages.iter().zip(&ids).enumerate() {
        let mut one = pdf.page(*id);
        one.parent(tree).media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).contents(*content);
        one.struct_parents(i32::try_from(number).unwrap_or(i32::MAX));
        one.resources().fonts().pair(Name(b"R"), regular).pair(Name(b"B"), bold);
        one.finish();
        pdf.stream(*content, &drawn(page));
    }
    for (id, name) in [(regular, "Helvetica"), (bold, "Helvetica-Bold")] {
        pdf.type1_font(id)
            .base_font(Name(name.as_bytes()))
            .encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    let mut structure = pdf.indirect(root).dict();
    structure.pair(Name(b"Type"), Name(b"StructTreeRoot"));
    structure.insert(Name(b"K")).array().items(elements.iter().map(|(_, id, _)| *id));
    structure.pair(Name(b"ParentTree"), parents);
    structure.finish();
    for (role, id, marks) in &elements {
        let role = if role.is_heading { StructRole::H2 } else { StructRole::P };
        let mut element = pdf.struct_element(*id);
        element.kind(role).parent(root);
        let mut kids = element.children();
        for (page, mark) in marks {
            kids.marked_content_ref().page(*page).marked_content_id(*mark);
        }
    }
    let mut nums = pdf.indirect(parents).dict();
    let mut numbers = nums.insert(Name(b"Nums")).array();
    for (number, (page, _)) in ids.iter().enumerate() {
        numbers.item(i32::try_from(number).unwrap_or(i32::MAX));
        let of_page = elements
            .iter()
            .flat_map(|(_, id, marks)| marks.iter().filter(|(on, _)| on == page).map(move |_| *id));
        numbers.push().array().items(of_page);
    }
    numbers.finish();
    nums.finish();
    pdf.finish()
}

fn drawn(page: &[Line]) -> Vec<u8> {
    let mut content = Content::new();
    for (mark, line) in page.iter().enumerate() {
        let role: &[u8] = if line.role.is_heading { b"H2" } else { b"P" };
        content
            .begin_marked_content_with_properties(Name(role))
            .properties()
            .identify(i32::try_from(mark).unwrap_or(i32::MAX));
        content
            .begin_text()
            .set_font(Name(if line.is_bold { b"B" } else { b"R" }), line.size)
            .next_line(line.x, line.y)
            .show(Str(&line.bytes))
            .end_text()
            .end_marked_content();
    }
    content.finish().into_vec()
}

#[cfg(test)]
mod tests {
    use super::super::{letter, tests::facts};
    use super::*;
    use crate::letters::own;

    #[test]
    fn the_letter_is_a_pdf_that_says_its_language_and_its_subject() {
        let bytes = pdf(&own()[1], &letter(&own()[1], &facts())).expect("spelled");
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with("%PDF-1.") && text.trim_end().ends_with("%%EOF"));
        assert!(text.contains("/Lang (es)") && text.contains("/MarkInfo"));
        assert!(text.contains("Saltby Fisheries"));
    }

    #[test]
    fn a_name_that_the_font_lacks_is_never_spelled_wrong() {
        let mut facts = facts();
        facts.addressee = vec!["Hao Hồ".into()];
        assert_eq!(pdf(&own()[0], &letter(&own()[0], &facts)), Err(CannotSpell));
    }

    #[test]
    fn a_long_letter_goes_on_over_pages_and_no_line_leaves_the_paper() {
        let mut facts = facts();
        facts.confirmed = "word ".repeat(1_500) + &"x".repeat(400);
        let bytes = pdf(&own()[0], &letter(&own()[0], &facts)).expect("spelled");
        let pages = String::from_utf8_lossy(&bytes).matches("/Type /Page\n").count();
        assert!(pages >= 3, "{pages} pages");
        for size in [11.0_f32, 14.0] {
            let room = WIDTH - 2.0 * MARGIN;
            assert!(
                pieces(&[b'@'; 400], size, true, room)
                    .iter()
                    .all(|one| width(one, size, true) <= room * 1.1)
            );
        }
    }
}
