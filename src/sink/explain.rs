//! `explain`, `explain_json`, `explain_dot`: the plan, for people and for programs.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::error::Result;
use crate::local;
use crate::plan::compile::SinkRows;
use crate::plan::explain::Shown;

/// # The plan
impl Dataset {
    /// The plan of this dataset as text: a line for each stage, side table and sink, then what there
    /// is to say of steps, a line each.
    ///
    /// A stage's line says what it reads, by which columns rows are merged, in how many partitions
    /// they come, and then its steps: those in Lua by their names alone, native ones and commands with
    /// their arguments. Of a step it is said
    ///
    /// - `columns a, b`: what its columns are called, where that is known;
    /// - `recognised: …`: its function is not called, since a native loop does the same;
    /// - `keeps state per task (n)`: its function reads and writes these globals, which last for one
    ///   task;
    /// - `not compiled: line 1: …`: what LuaJIT cannot compile, or leaves its compiled code for, at
    ///   this line of its text: all that a loop does with a row takes several times as long then. What
    ///   is called by another name, or by a function given to [`Flow::lua`](crate::Flow::lua), is not
    ///   seen.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let words = Flow::new()
    ///     .text_file("/etc/passwd")
    ///     .flat_map("function(line) return line:gmatch('%w+') end")
    ///     .map("function(word) return word, 1 end");
    /// let text = words.reduce("function(x, y) return x + y end").explain()?;
    /// let lines: Vec<&str> = text.lines().collect();
    /// assert_eq!(lines[0], "stage 1: text_file \"/etc/passwd\" → flat_map → map → reduce: combine, sort by column 1");
    /// assert_eq!(lines[1], "stage 2: merge of stage 1 by column 1 → reduce");
    /// assert!(lines[3].ends_with("flat_map: recognised: counts the matches of \"%w+\", by their numbers"));
    ///
    /// let text = words.map("function(word, n) return word, os.time() + n end").explain()?;
    /// assert!(text.ends_with("map: not compiled: line 1: os.time\n"));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with the flow itself, as a run would find it before it starts.
    #[track_caller]
    pub fn explain(&self) -> Result<String> {
        self.shown("explain", Location::caller(), |plan| plan.text())
    }

    /// The plan as JSON, with all that [`Dataset::explain`] says. Names of fields stay; more may come;
    /// what is empty is left out.
    ///
    /// An object of
    /// - `stages`: each a `stage` number from 1, what it `reads` (a `source`; or a `stage`, its
    ///   `partitions`, and where rows are merged `by` what), what it `keeps` of equal keys, the stages
    ///   `beside` it, the `tables` it looks into, its `steps` and `partitions`. A step has a number,
    ///   `operator`, `file` and `line`, `run_by` (`lua`, `native`, `command`, `engine`) and what it
    ///   `does`;
    /// - `tables`: each a `name` and a `stage`;
    /// - `sinks`: each a `sink` number and a `stage`;
    /// - `steps`: what there is to say of them: `columns`, `stays_in_program`, `on_error`, `recognised`, `keeps_state_in`,
    ///   `not_compiled` (each a `line` and `what`).
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let json = Flow::new().range(0..9).partition(4).pipe("cat").sort(1).explain_json()?;
    /// let plan: serde_json::Value = serde_json::from_str(&json).unwrap();
    /// assert_eq!(plan["stages"][2]["reads"][0]["partitions"], 4);
    /// assert_eq!(plan["stages"][2]["steps"][0]["run_by"], "command");
    /// assert_eq!(plan["stages"][4]["reads"][0]["by"], "column 1");
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Dataset::explain`].
    #[track_caller]
    pub fn explain_json(&self) -> Result<String> {
        self.shown("explain_json", Location::caller(), |plan| plan.json())
    }

    /// The plan as a graph in the language of Graphviz, for `dot -Tsvg`: a box for each stage with its
    /// steps, an arrow for each way that rows take.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let dot = Flow::new().range(0..9).sort(1).explain_dot()?;
    /// assert!(dot.starts_with("digraph plan {\n"));
    /// assert!(dot.contains("\ts1 -> s2 [label=\"by column 1\"];\n"));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Dataset::explain`].
    #[track_caller]
    pub fn explain_dot(&self) -> Result<String> {
        self.shown("explain_dot", Location::caller(), |plan| plan.dot())
    }

    fn shown(
        &self,
        operator: &str,
        caller: &Location<'_>,
        show: impl Fn(&Shown<'_>) -> String,
    ) -> Result<String> {
        local::explain(&self.flow, &self.sink_node(operator, caller, SinkRows::Any), show)
    }
}
