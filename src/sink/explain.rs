//! `explain`: the plan as text.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::error::Result;
use crate::local;
use crate::plan::compile::SinkRows;

/// # The plan
impl Dataset {
    /// The plan of this dataset as text: a line for each stage, then one for each step whose
    /// function reads and writes the same globals and so keeps state within its task.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let text = Flow::new().range(0..9).sort(1).explain()?;
    /// assert_eq!(text.lines().count(), 3);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with the flow itself, as a run would find it before it starts.
    #[track_caller]
    pub fn explain(&self) -> Result<String> {
        let node = self.sink_node("explain", Location::caller(), SinkRows::Any);
        local::explain(&self.flow, &node)
    }
}
