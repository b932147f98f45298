//! The letter in Spanish. Plain words; no sentence accuses anybody of anything.

use super::{Block, Facts};

/// Writes the letter.
pub(super) fn letter(facts: &Facts) -> Vec<Block> {
    let mut blocks = vec![
        Block::Lines(vec![facts.agency.clone(), facts.agency_address.clone()]),
        Block::Lines(facts.addressee.clone()),
        Block::Lines(vec![facts.dated.clone(), format!("Su caso: {}", facts.case_id)]),
        Block::Subject(
            "Encontramos un dato en su caso. Revíselo y díganos si hay un error.".into(),
        ),
    ];
    if facts.demonstration {
        blocks.push(Block::Text(
            "Esto es una demostración. Usted, las agencias y los datos son inventados.".into(),
        ));
    }
    blocks.extend([
        Block::Text("No se ha decidido nada. Sus pagos siguen igual hasta que haya tenido tiempo de responder.".into()),
        Block::Heading("Qué encontramos".into()),
        Block::Text(format!("Comparamos nuestros datos con los de otra agencia: {}.", facts.source)),
        Block::Text("Una persona comprobó que el dato es sobre usted. Ese dato dice:".into()),
        Block::Rows(facts.found.clone()),
        Block::Heading("Cómo lo comprobamos".into()),
        Block::Text(facts.confirmed.clone()),
        Block::List(facts.sources.clone()),
        Block::Heading("Qué puede pasar".into()),
        Block::Text(format!("Si es correcto, podríamos hacer esto: {}. No lo haremos antes del {}.", facts.intends, facts.answer_by)),
        Block::Heading("Si algo está mal, díganoslo".into()),
        Block::Text(format!(
            "Tiene {} días. Responda a más tardar el {}. No necesita palabras ni formularios especiales.",
            facts.days, facts.answer_by
        )),
        Block::List(vec![
            format!("En línea: {}", facts.door),
            format!("Por carta o en persona: {}", facts.agency_address),
            "Puede pedir una audiencia y puede venir con alguien que le ayude.".into(),
            "Puede ver todo lo que tenemos sobre esto y enviar documentos.".into(),
            "Si responde tarde, lo revisamos igual y corregimos lo que se haya hecho.".into(),
        ]),
    ]);
    if let Some(code) = &facts.code {
        blocks.push(Block::Text(format!(
            "Para ver el caso en línea, use el número {} y este código. Es solo para usted y sirve una vez.",
            facts.number
        )));
        blocks.push(Block::Code(code.clone()));
        blocks.push(Block::Text("Al usarlo, recibirá otro código para la próxima vez.".into()));
    }
    blocks.extend([
        Block::Heading("Por qué podemos hacer esto".into()),
        Block::Text(format!("Propósito: {}", facts.purpose)),
        Block::Text(format!("Ley: {}. Aviso según 5 U.S.C. 552a(p).", facts.authority)),
    ]);
    blocks
}

/// Writes the letter that tells of a correction.
pub(super) fn correction(facts: &Facts) -> Vec<Block> {
    let mut blocks = vec![
        Block::Lines(vec![facts.agency.clone(), facts.agency_address.clone()]),
        Block::Lines(facts.addressee.clone()),
        Block::Lines(vec![facts.dated.clone(), format!("Su caso: {}", facts.case_id)]),
        Block::Subject("Teníamos un dato equivocado sobre usted. Lo hemos corregido.".into()),
    ];
    if facts.demonstration {
        blocks.push(Block::Text(
            "Esto es una demostración. Usted, las agencias y los datos son inventados.".into(),
        ));
    }
    blocks.extend([
        Block::Heading("Qué estaba mal y qué es lo correcto".into()),
        Block::Text(facts.corrected.clone()),
    ]);
    if facts.is_undone {
        blocks.push(Block::Text(
            "Lo que hicimos por ese dato queda sin efecto. Recibirá lo que se le retuvo.".into(),
        ));
    }
    if facts.is_anothers {
        blocks.push(Block::Text("Habíamos unido su dato con el de otra persona. Ya están separados y sabemos que son dos personas. Ninguna comparación futura los unirá otra vez.".into()));
        blocks.push(Block::Text(format!(
            "Si le confunden otra vez con esa persona, dé el número {}. Bajo ese número consta lo que comprobamos.",
            facts.number
        )));
    }
    blocks.push(Block::Heading("A quién avisamos".into()));
    if facts.told.is_empty() {
        blocks.push(Block::Text("Nadie más lo recibió.".into()));
    } else {
        blocks.push(Block::Text(
            "Avisamos a todos los que recibieron el dato, hasta que cada uno diga que lo corrigió:"
                .into(),
        ));
        blocks.push(Block::List(facts.told.clone()));
    }
    blocks.extend([
        Block::Heading("Qué tiene que hacer".into()),
        Block::Text("Nada. Si todavía hay un error, díganoslo:".into()),
        Block::List(vec![
            format!("En línea: {}", facts.door),
            format!("Por carta o en persona: {}", facts.agency_address),
        ]),
    ]);
    if let Some(code) = &facts.code {
        blocks.push(Block::Text(format!(
            "Para ver quién lo ha corregido, use el número {} y este código. Es solo para usted y sirve una vez.",
            facts.number
        )));
        blocks.push(Block::Code(code.clone()));
        blocks.push(Block::Text("Al usarlo, recibirá otro código para la próxima vez.".into()));
    }
    blocks.push(Block::Text(
        "Le avisamos a usted y a ellos según 5 U.S.C. 552a(c)(4) y (d)(2).".into(),
    ));
    blocks
}
