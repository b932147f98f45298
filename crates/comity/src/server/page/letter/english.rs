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
