//! The letter in English. Plain words; no sentence accuses anybody of anything.

use super::{Block, Facts};

/// Writes the letter.
pub(super) fn letter(facts: &Facts) -> Vec<Block> {
    let mut blocks = vec![
        Block::Lines(vec![facts.agency.clone(), facts.agency_address.clone()]),
        Block::Lines(facts.addressee.clone()),
        Block::Lines(vec![facts.dated.clone(), format!("Your case: {}", facts.case_id)]),
        Block::Subject(
            "We found something in your case. Please check it and tell us if it is wrong.".into(),
        ),
    ];
    if facts.demonstration {
        blocks.push(Block::Text(
            "This is a demonstration. You, the agencies and the records are made up.".into(),
        ));
    }
    blocks.extend([
        Block::Text("Nothing has been decided. Your payments go on as before until you have had time to answer.".into()),
        Block::Heading("What we found".into()),
        Block::Text(format!("We compared our records with those of another agency: {}.", facts.source)),
        Block::Text("A person checked that the record is about you. That record says:".into()),
        Block::Rows(facts.found.clone()),
        Block::Heading("How we checked it".into()),
        Block::Text(facts.confirmed.clone()),
        Block::List(facts.sources.clone()),
        Block::Heading("What may happen".into()),
        Block::Text(format!("If this is right, we may {}. We will not do so before {}.", facts.intends, facts.answer_by)),
        Block::Heading("If something is wrong, tell us".into()),
        Block::Text(format!(
            "You have {} days. Please answer by {}. You do not have to use special words or forms.",
            facts.days, facts.answer_by
        )),
        Block::List(vec![
            format!("Online: {}", facts.door),
            format!("By letter or in person: {}", facts.agency_address),
            "You can ask for a hearing, and you can bring somebody to help you.".into(),
            "You can see everything we hold on this, and send papers that show how it is.".into(),
            "If you answer late, we still look at it, and put right what was done.".into(),
        ]),
    ]);
    if let Some(code) = &facts.code {
        blocks.push(Block::Text(format!(
            "To see the case online, use the number {} and this code. It is for you alone, and works once.",
            facts.number
        )));
        blocks.push(Block::Code(code.clone()));
        blocks.push(Block::Text("When you use it, you are shown a code for the next time.".into()));
    }
    blocks.extend([
        Block::Heading("Why we may do this".into()),
        Block::Text(format!("Purpose: {}", facts.purpose)),
        Block::Text(format!("Law: {}. Notice under 5 U.S.C. 552a(p).", facts.authority)),
    ]);
    blocks
}

/// Writes the letter that tells of a correction.
pub(super) fn correction(facts: &Facts) -> Vec<Block> {
    let mut blocks = vec![
        Block::Lines(vec![facts.agency.clone(), facts.agency_address.clone()]),
        Block::Lines(facts.addressee.clone()),
        Block::Lines(vec![facts.dated.clone(), format!("Your case: {}", facts.case_id)]),
        Block::Subject("We had something wrong about you. We have put it right.".into()),
    ];
    if facts.demonstration {
        blocks.push(Block::Text(
            "This is a demonstration. You, the agencies and the records are made up.".into(),
        ));
    }
    blocks.extend([
        Block::Heading("What was wrong, and what is right".into()),
        Block::Text(facts.corrected.clone()),
    ]);
    if facts.is_undone {
        blocks.push(Block::Text(
            "What we had done because of it is undone. You get back what was held back.".into(),
        ));
    }
    if facts.is_anothers {
        blocks.push(Block::Text("We had joined your record with a record of somebody else. They are apart now, and we know them to be two people. No later comparison joins them again.".into()));
        blocks.push(Block::Text(format!(
            "If you are taken for that person again, name the number {}. Under it stands what we found.",
            facts.number
        )));
    }
    blocks.push(Block::Heading("Who is told".into()));
    if facts.told.is_empty() {
        blocks.push(Block::Text("It went to nobody else.".into()));
    } else {
        blocks.push(Block::Text(
            "We tell everybody to whom it went, until each has said that it is put right:".into(),
        ));
        blocks.push(Block::List(facts.told.clone()));
    }
    blocks.extend([
        Block::Heading("What you have to do".into()),
        Block::Text("Nothing. If it is still wrong, tell us:".into()),
        Block::List(vec![
            format!("Online: {}", facts.door),
            format!("By letter or in person: {}", facts.agency_address),
        ]),
    ]);
    if let Some(code) = &facts.code {
        blocks.push(Block::Text(format!(
            "To see who has put it right, use the number {} and this code. It is for you alone, and works once.",
            facts.number
        )));
        blocks.push(Block::Code(code.clone()));
        blocks.push(Block::Text("When you use it, you are shown a code for the next time.".into()));
    }
    blocks.push(Block::Text("We tell you and them under 5 U.S.C. 552a(c)(4) and (d)(2).".into()));
    blocks
}
