//! From the graph to stages: fuses neighbouring steps and puts exchanges where rows must move.
//!
//! A newcomer's trap: `open` returns an unfinished chain. It becomes a stage only when something
//! ends it: an exchange, a command, a fork or a sink.

use std::collections::HashMap;

use crate::error::{ErrorKind, Failure, StepId};
use crate::plan::chain::{Chain, Code, Combine, Head, KeyColumn, Step, Tail, WHOLE_ROW};
use crate::plan::graph::{Graph, Node, NodeId, Operation};
use crate::plan::stage::{Input, MergeOrder, Output, Plan, Source, Stage, StageId, Work};
use crate::row::layout::Layout;

/// What a sink wants of the rows of a node.
#[derive(Clone, Debug)]
pub(crate) enum SinkRows {
    /// Rows to be decoded: frames or raw lines, whatever is there.
    Any,
    /// Columns joined by TAB.
    Lines,
    /// Formatted text.
    Text(String),
    /// Only their number.
    Count,
}

/// One sink: the node it reads, what it wants, and its own step.
#[derive(Clone, Debug)]
pub(crate) struct SinkNode {
    pub input: NodeId,
    pub step: StepId,
    pub rows: SinkRows,
}

/// Compiles the part of the graph that the sinks need.
pub(crate) fn compile(graph: &Graph, sinks: &[SinkNode]) -> Result<Plan, Failure> {
    if let Some(problem) = &graph.problem {
        return Err(problem.clone());
    }
    let mut compiler =
        Compiler { graph, stages: Vec::new(), readers: HashMap::new(), shared: HashMap::new() };
    for sink in sinks {
        compiler.count_readers(sink.input)?;
    }
    let mut outputs = Vec::new();
    for sink in sinks {
        let open = compiler.open(sink.input)?;
        let stage = match &sink.rows {
            SinkRows::Any => compiler.close(open),
            SinkRows::Lines => compiler.close_as_lines(open, sink.step),
            SinkRows::Text(format) => {
                let tail = Tail::Text { step: sink.step, format: format.clone() };
                compiler.end(open, tail, Output::Rows(Layout::Text))
            }
            SinkRows::Count => compiler.end(open, Tail::Count, Output::Rows(Layout::Text)),
        };
        compiler.stages[stage].readers += 1;
        outputs.push(stage);
    }
    Ok(Plan {
        shared: graph.shared.clone(),
        stages: compiler.stages,
        outputs,
        origins: graph.origins.clone(),
    })
}

/// A chain under construction.
struct Open {
    step: StepId,
    input: Input,
    head: Head,
    /// How the rows lie as they enter the chain.
    layout: Layout,
    steps: Vec<Step>,
    merge: Option<MergeOrder>,
    partitions: u32,
}

struct Compiler<'a> {
    graph: &'a Graph,
    stages: Vec<Stage>,
    /// How many operators and sinks read each node.
    readers: HashMap<NodeId, u32>,
    /// The stage of each node that several read.
    shared: HashMap<NodeId, StageId>,
}

impl Compiler<'_> {
    fn count_readers(&mut self, id: NodeId) -> Result<(), Failure> {
        let readers = self.readers.entry(id).or_default();
        *readers += 1;
        if *readers > 1 {
            return Ok(());
        }
        let node = self.graph.node(id);
        if let Some(problem) = &node.problem {
            return Err(problem.clone().at_step(node.step));
        }
        node.input.map_or(Ok(()), |input| self.count_readers(input))
    }

    fn open(&mut self, id: NodeId) -> Result<Open, Failure> {
        if let Some(&stage) = self.shared.get(&id) {
            return Ok(self.reopen(stage, id));
        }
        let node = self.graph.node(id);
        let open = self.open_node(node)?;
        if self.readers[&id] == 1 {
            return Ok(open);
        }
        let stage = self.close(open);
        self.shared.insert(id, stage);
        Ok(self.reopen(stage, id))
    }

    fn open_node(&mut self, node: &Node) -> Result<Open, Failure> {
        let step = node.step;
        let source = |source, layout| Open {
            step,
            input: Input::Source(source),
            head: Head::Rows(layout),
            layout,
            steps: Vec::new(),
            merge: None,
            partitions: 1,
        };
        let Some(input) = node.input else {
            return Ok(match node.operation.clone() {
                Operation::TextFile { patterns } => {
                    source(Source::TextFile { patterns }, Layout::Lines)
                }
                Operation::Lines { text, rows } => {
                    source(Source::Lines { text, rows }, Layout::Lines)
                }
                Operation::Rows { frames, rows } => {
                    source(Source::Rows { frames, rows }, Layout::Frames)
                }
                Operation::Range { first, end } => {
                    source(Source::Range { first, end }, Layout::Frames)
                }
                Operation::Reader { slot } => source(Source::Reader { slot }, Layout::Lines),
                other => {
                    let message = format!("{other:?} needs rows to work on");
                    return Err(Failure::new(ErrorKind::Plan, message).at_step(step));
                }
            });
        };
        let mut open = self.open(input)?;
        match &node.operation {
            Operation::Map(code) => open.steps.push(Step::Map(code.clone())),
            Operation::FlatMap(code) => open.steps.push(Step::FlatMap(code.clone())),
            Operation::Filter(code) => open.steps.push(Step::Filter(code.clone())),
            Operation::ForEach(code) => open.steps.push(Step::ForEach(code.clone())),
            Operation::Select(columns) => {
                open.steps.push(Step::Select { step, columns: columns.clone() });
            }
            Operation::Split(separator) => {
                open.steps.push(Step::Split { step, separator: separator.clone() });
            }
            Operation::Numbers(columns) => {
                open.steps.push(Step::Numbers { step, columns: columns.clone() });
            }
            Operation::Reduce { keys, code } => {
                return Ok(self.reduce(open, step, keys.clone(), code));
            }
            Operation::Fold { code } => return Ok(self.reduce(open, step, Vec::new(), code)),
            Operation::Distinct => {
                let order =
                    vec![KeyColumn { column: WHOLE_ROW, descending: false, numeric: false }];
                return Ok(self.sorted(open, step, order, true));
            }
            Operation::Sort(order) => return Ok(self.sorted(open, step, order.clone(), false)),
            Operation::Limit(rows) => {
                let stage = self.close(open);
                return Ok(self.engine_step(stage, step, Work::Limit { rows: *rows }, None, 1));
            }
            Operation::RoundRobin { count } => {
                let stage = self.close(open);
                let work = Work::RoundRobin { count: *count };
                return Ok(self.engine_step(stage, step, work, None, *count));
            }
            Operation::Partition { keys, count } => {
                let tail = Tail::Partition { step, keys: keys.clone(), count: *count };
                let stage = self.end(open, tail, Output::Rows(Layout::Frames));
                self.stages[stage].partitions = *count;
                return Ok(self.reopen(stage, step));
            }
            Operation::Pipe(command) => return Ok(self.pipe(open, step, command)),
            Operation::PipeAsArgs(command) => {
                let stage = self.close(open);
                let work = Work::ShellPerRow { command: command.clone() };
                let partitions = self.stages[stage].partitions;
                return Ok(self.engine_step(stage, step, work, Some(Layout::Columns), partitions));
            }
            Operation::PipeRows(command) => {
                let stage = self.close_as_frames(open);
                let work = Work::FrameCommand { command: command.clone() };
                let partitions = self.stages[stage].partitions;
                return Ok(self.engine_step(stage, step, work, Some(Layout::Frames), partitions));
            }
            Operation::TextFile { .. }
            | Operation::Lines { .. }
            | Operation::Rows { .. }
            | Operation::Range { .. }
            | Operation::Reader { .. } => unreachable!("sources have no input"),
        }
        Ok(open)
    }

    fn reduce(&mut self, open: Open, step: StepId, keys: Vec<u32>, code: &Code) -> Open {
        let count = u32::try_from(keys.len()).expect("fewer than 2^32 key columns");
        let order: Vec<KeyColumn> = (1..=count)
            .map(|column| KeyColumn { column, descending: false, numeric: false })
            .collect();
        let combine = Combine::Reduce { keys, code: code.clone() };
        let stage = self.end(open, runs(step, order.clone(), combine), Output::Runs);
        Open {
            head: Head::Reduce { keys: count, code: code.clone() },
            merge: Some(MergeOrder { order, first_only: false, divide_keys: false }),
            ..self.reopen(stage, step)
        }
    }

    fn sorted(&mut self, open: Open, step: StepId, order: Vec<KeyColumn>, first: bool) -> Open {
        let combine = if first { Combine::First } else { Combine::None };
        let stage = self.end(open, runs(step, order.clone(), combine), Output::Runs);
        Open {
            merge: Some(MergeOrder { order, first_only: first, divide_keys: !first }),
            ..self.reopen(stage, step)
        }
    }

    /// Neighbouring commands become one stage: each one's stdout is the next one's stdin.
    fn pipe(&mut self, open: Open, step: StepId, command: &str) -> Open {
        let stage = self.close_as_lines(open, step);
        let unread = !self.shared.values().any(|&shared| shared == stage);
        if let (Work::Shell { commands }, true) = (&mut self.stages[stage].work, unread) {
            commands.push((step, command.to_owned()));
            return self.reopen(stage, step);
        }
        let work = Work::Shell { commands: vec![(step, command.to_owned())] };
        let partitions = self.stages[stage].partitions;
        self.engine_step(stage, step, work, Some(Layout::Columns), partitions)
    }

    /// Adds a stage that the engine runs by itself.
    fn engine_step(
        &mut self,
        input: StageId,
        step: StepId,
        work: Work,
        layout: Option<Layout>,
        partitions: u32,
    ) -> Open {
        let output = layout.map_or(self.stages[input].output, Output::Rows);
        self.stages[input].readers += 1;
        let input = Input::Stage(input);
        self.stages.push(Stage { step, input, work, output, partitions, readers: 0 });
        self.reopen(self.stages.len() - 1, step)
    }

    /// Begins a chain on the output of a finished stage.
    fn reopen(&self, stage: StageId, step: StepId) -> Open {
        let Stage { output, partitions, .. } = self.stages[stage];
        let layout = output.layout();
        Open {
            step,
            input: Input::Stage(stage),
            head: Head::Rows(layout),
            layout,
            steps: Vec::new(),
            merge: None,
            partitions,
        }
    }

    /// Ends a chain with the tail that keeps its rows as they are.
    fn close(&mut self, open: Open) -> StageId {
        if open.steps.is_empty() && open.merge.is_none() {
            return self.pass(open);
        }
        self.end(open, Tail::Frames, Output::Rows(Layout::Frames))
    }

    fn close_as_frames(&mut self, open: Open) -> StageId {
        if open.layout == Layout::Frames {
            return self.close(open);
        }
        self.end(open, Tail::Frames, Output::Rows(Layout::Frames))
    }

    fn close_as_lines(&mut self, open: Open, step: StepId) -> StageId {
        let chain = Chain { head: open.head, steps: open.steps, tail: Tail::Lines { step } };
        let raw = chain.raw().is_some();
        let open = Open { head: chain.head, steps: chain.steps, ..open };
        if raw && open.merge.is_none() {
            return self.pass(open);
        }
        self.end(open, chain.tail, Output::Rows(Layout::Columns))
    }

    /// Ends a chain that does nothing.
    fn pass(&mut self, open: Open) -> StageId {
        match open.input {
            Input::Stage(stage) => stage,
            Input::Source(_) => {
                self.stages.push(Stage {
                    step: open.step,
                    input: open.input,
                    work: Work::Forward,
                    output: Output::Rows(open.layout),
                    partitions: 1,
                    readers: 0,
                });
                self.stages.len() - 1
            }
        }
    }

    fn end(&mut self, open: Open, tail: Tail, output: Output) -> StageId {
        // Only these keep partitions apart; all else looks through them, partition 0 first.
        let keeps = matches!(tail, Tail::Frames | Tail::Lines { .. });
        if let Input::Stage(stage) = open.input {
            self.stages[stage].readers += 1;
        }
        let mut chain = Chain { head: open.head, steps: open.steps, tail };
        if let (Input::Stage(stage), true) = (&open.input, open.merge.is_some()) {
            self.keep_raw(*stage, &mut chain);
        }
        self.stages.push(Stage {
            step: open.step,
            input: open.input,
            work: match open.merge {
                Some(order) => Work::Merge { chain, order },
                None => Work::Chain(chain),
            },
            output,
            partitions: if keeps { open.partitions } else { 1 },
            readers: 0,
        });
        self.stages.len() - 1
    }

    /// Lets lines stay lines on their way through an exchange, if nobody before it has looked into
    /// them and no function behind it will.
    fn keep_raw(&mut self, sorting: StageId, merging: &mut Chain) {
        let (Work::Chain(before) | Work::Merge { chain: before, .. }) =
            &mut self.stages[sorting].work
        else {
            return;
        };
        let folds = matches!(merging.tail, Tail::Runs { combine: Combine::Reduce { .. }, .. });
        if merging.head == Head::Rows(Layout::Frames)
            && merging.steps.is_empty()
            && !folds
            && let Some(layout) = before.raw()
            && let Tail::Runs { raw, .. } = &mut before.tail
        {
            *raw = true;
            merging.head = Head::Rows(layout);
        }
    }
}

/// Sorted runs; whether of raw lines is known when the chain behind the exchange ends.
fn runs(step: StepId, order: Vec<KeyColumn>, combine: Combine) -> Tail {
    Tail::Runs { step, order, combine, raw: false }
}
