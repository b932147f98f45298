//! Reversals stop a program: wrong leads of look-ups too, however many leads of its runs were right (floor F12).

use super::look_up::{asked, complete, held, id_of, of_run, piloted, rows, verifier};
use super::place::{at, in_stage, refused};
use casework::{Judgement, Lead, LeadId, NotRight, Rate, Stage, Store as _};

#[tokio::test]
async fn ten_wrong_leads_of_look_ups_stop_a_program_however_many_of_its_runs_were_right() {
    let place = piloted().await;
    let complete = complete(&place);
    let chosen: Vec<Lead> = held(&place, &complete).await.into_iter().take(10).collect();
    let row = |lead: &Lead| &complete[&lead.found.case_id];
    let dana = verifier("dana");
    let named = rows(&place, chosen.iter().map(row));
    id_of(&asked(&place, &dana, &named, at(2)).await);
    let of_look_up = in_stage(&of_run(&place, "look-up-1").await, Stage::Open);
    // The run opens the rest, and people find each of it right.
    place.done(at(3)).await;
    let of_rest = in_stage(&of_run(&place, "2027Q1").await, Stage::Open);
    let judge = async |leads: &[LeadId], judgement, now| {
        let judged: Vec<_> = leads.iter().map(|lead| (lead.clone(), judgement)).collect();
        place.judge_all(&judged, now).await;
    };
    judge(&of_rest, Judgement::Same, at(4)).await;
    judge(&of_look_up[..9], Judgement::NotSame, at(5)).await;
    let more = rows(&place, complete.values().take(1));
    id_of(&asked(&place, &dana, &more, at(6)).await);
    judge(&of_look_up[9..10], Judgement::NotSame, at(7)).await;

    let model = place.program(at(8)).engine.digest().unwrap().to_string();
    let not_right: NotRight = place.store().await.not_right(&model).await.unwrap();
    assert_eq!(not_right.of_look_ups, Rate { part: 10, whole: 10 });
    assert_eq!(not_right.of_runs.part, 0);
    let all = not_right.of_all();
    assert!(all.part * 1000 <= all.whole * 200, "all together they would stop nothing: {all:?}");
    let outcome = asked(&place, &dana, &more, at(8)).await;
    assert_eq!(refused(&outcome), ["F12-reversals"]);
    place.assert_sound("stopped");
}
