//! From the graph to a plan: takes the nodes that the sinks need, lowers each, and has the passes
//! of `plan/rewrite` improve what came of it.
//!
//! A newcomer's trap: nodes are visited in the order in which they were made, which is one in
//! which each comes after its inputs; nothing here calls itself, so a flow may be as long as it
//! likes.

use std::collections::{BTreeMap, HashMap};

use crate::error::{Error, Failure, Origin, StepId};
use crate::plan::chain::{Code, Tail};
use crate::plan::graph::{Graph, Node, NodeId};
use crate::plan::lower::{Lower, Open};
use crate::plan::names::Names;
use crate::plan::rewrite;
use crate::plan::seed;
use crate::plan::stage::{Output, Plan, Slice, StageId};
use crate::plan::tables::{Mentions, TableId};
use crate::plan::writing::{TextFormat, Writing};
use crate::row::layout::Layout;

/// What a sink wants of the rows of a node.
#[derive(Clone, Debug)]
pub(crate) enum SinkRows {
    /// Rows to be decoded: frames or raw lines, whatever is there.
    Any,
    /// The same of the first row alone.
    First,
    /// Text.
    Written(TextFormat),
    /// Only their number.
    Count,
}

/// One sink: the node it reads, what it wants, and where it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct SinkNode {
    pub input: NodeId,
    pub origin: Origin,
    pub rows: SinkRows,
}

impl SinkNode {
    /// Names the user's own line for a failure of the sink.
    pub(crate) fn error(&self, failure: Failure) -> Error {
        Error::new(failure, Some(self.origin.clone()))
    }
}

/// Compiles the part of the graph that the sinks need. `rewrites`: see [`rewrite`].
pub(crate) fn compile(graph: &Graph, sinks: &[SinkNode], rewrites: bool) -> Result<Plan, Error> {
    if let Some((origin, problem)) = &graph.problem {
        return Err(Error::new(problem.clone(), Some(origin.clone())));
    }
    let mut plan = Plan::default();
    let mut lower = Lower::default();
    for shared in &graph.shared {
        let step = enter(&mut plan, &shared.origin);
        let seed = seed::of_step(step, &shared.text);
        let (text, tables) = (shared.text.clone(), Vec::new());
        lower.shared = lower.shared.and(&Mentions::of(&text));
        plan.shared.push(Code { step, text, seed, tables });
    }
    let mut lowered: HashMap<NodeId, Lowered> = HashMap::new();
    for (id, readers) in readers(graph, sinks) {
        let node = &graph.nodes[id];
        let step = enter(&mut plan, &node.origin);
        let depth = node.inputs.iter().map(|input| lowered[input].depth + 1).max().unwrap_or(0);
        lower.depth = depth;
        let tables = node.inputs.iter().map(|input| lowered[input].tables.clone()).collect();
        let inputs = node.inputs.iter().map(|input| take(&lower, &mut lowered, *input)).collect();
        let rows = lower
            .enter(tables)
            .and_then(|()| lower_node(node, &mut lower, step, inputs))
            .map_err(|failure| Error::new(failure, Some(node.origin.clone())))?;
        let tables = lower.tables_out.clone();
        let names = rows.names().clone();
        if names.is_known() {
            plan.names.push((step, names.to_string()));
        }
        let rows = match readers {
            1 => Rows::Open(Box::new(rows)),
            _ => Rows::Shared(lower.share(rows)),
        };
        lowered.insert(id, Lowered { step, depth, names, tables, rows: Some(rows) });
    }
    for sink in sinks {
        let step = enter(&mut plan, &sink.origin);
        let rows = take(&lower, &mut lowered, sink.input);
        plan.outputs.push(lower_sink(&mut lower, step, rows, &sink.rows));
    }
    (plan.stages, plan.tables) = (lower.stages, lower.tables);
    if rewrites {
        rewrite::all(&mut plan);
    }
    Ok(plan)
}

/// What came of a node.
struct Lowered {
    step: StepId,
    depth: u32,
    names: Names,
    /// Which side tables the functions behind it may look into.
    tables: Vec<TableId>,
    /// Taken by its only reader.
    rows: Option<Rows>,
}

enum Rows {
    Open(Box<Open>),
    /// A stage that several read.
    Shared(StageId),
}

/// The nodes that the sinks need, and how many operators and sinks read each.
fn readers(graph: &Graph, sinks: &[SinkNode]) -> BTreeMap<NodeId, u32> {
    let mut readers = BTreeMap::new();
    let mut unseen: Vec<NodeId> = sinks.iter().map(|sink| sink.input).collect();
    while let Some(id) = unseen.pop() {
        let count = readers.entry(id).or_insert(0);
        *count += 1;
        if *count == 1 {
            unseen.extend(&graph.nodes[id].inputs);
        }
    }
    readers
}

fn enter(plan: &mut Plan, origin: &Origin) -> StepId {
    plan.origins.push(origin.clone());
    u32::try_from(plan.origins.len() - 1).expect("fewer than 2^32 steps")
}

fn take(lower: &Lower, lowered: &mut HashMap<NodeId, Lowered>, id: NodeId) -> Open {
    let node = lowered.get_mut(&id).expect("inputs are lowered before those that read them");
    match &node.rows {
        Some(Rows::Shared(stage)) => lower.reopen(*stage, node.step).named(node.names.clone()),
        _ => match node.rows.take() {
            Some(Rows::Open(rows)) => *rows,
            _ => unreachable!("a node with one reader is read once"),
        },
    }
}

fn lower_node(
    node: &Node,
    lower: &mut Lower,
    step: StepId,
    inputs: Vec<Open>,
) -> Result<Open, Failure> {
    node.operation.clone()?.lower(lower, step, inputs)
}

fn lower_sink(lower: &mut Lower, step: StepId, rows: Open, wanted: &SinkRows) -> StageId {
    match wanted {
        SinkRows::Any => lower.share(rows),
        SinkRows::First => {
            let first = lower.slice(step, rows, Slice { skip: 0, take: Some(1) });
            lower.share(first)
        }
        SinkRows::Written(format) => lower.write(rows, Writing { step, format: format.clone() }),
        SinkRows::Count => lower.end(rows, Tail::Count, Output::Rows(Layout::Text)),
    }
}
