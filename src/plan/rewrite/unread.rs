//! What nobody reads is not computed: a side table that no function names, and all that was only
//! for it.
//!
//! A newcomer's trap: such a table stays in the plan, for others are known by their numbers; only
//! its rows come from nowhere.

use crate::plan::rewrite::Needless;
use crate::plan::stage::Plan;

pub(super) fn rewrite(plan: &mut Plan, needless: &mut Needless) {
    let Some(&kept) = plan.outputs.first() else { return };
    let mut needed = vec![false; plan.stages.len()];
    let mut unseen = plan.outputs.clone();
    let mut tables = vec![false; plan.tables.len()];
    while let Some(id) = unseen.pop() {
        if std::mem::replace(&mut needed[id], true) {
            continue;
        }
        let stage = &plan.stages[id];
        unseen.extend(stage.input.stages());
        unseen.extend(&stage.held);
        for table in stage.tables() {
            tables[table as usize] = true;
            unseen.extend(plan.tables[table as usize].stage);
        }
    }
    for (table, needed) in plan.tables.iter_mut().zip(tables) {
        table.stage = table.stage.filter(|_| needed);
    }
    // Nobody reads them, so whose rows would be read instead does not matter.
    let unread = needed.iter().enumerate().filter(|(_, needed)| !**needed);
    unread.for_each(|(id, _)| needless.replace(id, kept));
}
