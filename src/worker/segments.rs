//! The segments of a chain: neighbouring steps that run in one loop, native or in Lua.
//!
//! A newcomer's trap: all Lua segments of a chain share one state, which is made later; here each is
//! only a list of steps.

use std::cell::RefCell;

use crate::error::Failure;
use crate::lua::{LuaSegment, LuaTail};
use crate::op::native;
use crate::plan::chain::{Chain, Head, Step, Tail};
use crate::plan::exchange::{Combine, Group};
use crate::plan::native::Native;
use crate::row::layout::Layout;
use crate::worker::fold::{Combining, FoldedGroups};
use crate::worker::native_code::{Code, NativeCode};
use crate::worker::seen::Ends;

/// What comes out of a segment.
const FRAMES: Head = Head::Rows(Layout::Frames);

pub(super) enum Segment {
    /// The number of a segment of the Lua state.
    Lua(usize),
    Native(Native, Box<RefCell<NativeCode>>),
}

impl Segment {
    /// The steps at its ends.
    pub(super) fn ends(&self, lua: &[LuaSegment]) -> Ends {
        match self {
            Segment::Lua(number) => Ends::of_lua(&lua[*number]),
            Segment::Native(native, code) => {
                let code = &code.borrow().code;
                let keeps_rows = matches!(code, Code::Step(_)) && native.keeps_rows;
                let last = (!matches!(code, Code::Combine(_))).then_some(native.step);
                Ends { first: native.step, last, keeps_rows, is_alone: true }
            }
        }
    }
}

/// The segments of a chain under construction.
pub(super) struct Segments {
    pub all: Vec<Segment>,
    pub lua: Vec<LuaSegment>,
    /// How rows reach the next segment.
    head: Head,
    /// What rows that come as lines are taken for.
    pub view: Layout,
    /// So many steps at the beginning are but another view of lines.
    pub views: usize,
    /// Rows that are alone under their key pass by the first segment.
    pub single_apart: bool,
}

impl Segments {
    /// The segments of a chain, with their native code.
    pub(super) fn of(chain: &Chain) -> Result<Segments, Failure> {
        let head = chain.head.clone();
        let (first, steps) = match chain.columns_of_lines() {
            Some((columns, steps)) => (Head::Columns(head.layout(), columns), steps),
            None => {
                let (layout, steps) = chain.viewed(head.layout());
                (Head::Rows(layout), steps)
            }
        };
        let view = first.layout();
        let views = chain.steps.len() - steps.len();
        let (all, lua) = (Vec::new(), Vec::new());
        let mut segments = Segments { all, lua, head: first, view, views, single_apart: false };
        match &head {
            Head::Rows(_) | Head::Columns(..) => {}
            Head::Groups(Group::Lua(group)) => {
                segments.single_apart = group.keeps_single;
                segments.head = head.clone();
                segments.begin_lua();
            }
            Head::Groups(Group::Fold { keys, fold }) => {
                let groups = FoldedGroups::new(*keys, native::fold(&fold.code)?)?;
                segments.native(fold, Code::Group(Box::new(groups)));
            }
            Head::Groups(Group::Step(step)) => {
                segments.native(step, Code::Group(native::group_step(&step.code)?));
            }
        }
        for (nth, step) in steps.iter().enumerate() {
            match step {
                Step::Native(step) => {
                    segments.native(step, Code::Step(native::block_step(&step.code)?))
                }
                Step::Spread(step) => {
                    segments.native(step, Code::Group(native::group_step(&step.code)?));
                }
                Step::Lua(step) => {
                    if nth == 0 && segments.single_apart {
                        segments.begin_lua();
                    }
                    segments.last_lua().steps.push(step.clone());
                }
            }
        }
        match &chain.tail {
            Tail::Runs { combine: Some(Combine::Lua { template, keys, code }), .. } => {
                let (template, keys) = (template.clone(), keys.clone());
                let code = code.clone();
                segments.last_lua().tail = LuaTail::Combine { template, keys, code };
            }
            Tail::Runs { combine: Some(Combine::Native { keys, fold }), .. } => {
                let view = match &segments.head {
                    Head::Columns(_, columns) => Some(columns.clone()),
                    _ => None,
                };
                let combining = Combining::new(keys, native::fold(&fold.code)?, view)?;
                segments.native(fold, Code::Combine(Box::new(combining)));
            }
            _ => {}
        }
        Ok(segments)
    }

    fn native(&mut self, native: &Native, code: Code) {
        let layout = match &code {
            Code::Step(step) => step.layout(self.head.layout()),
            Code::Group(_) | Code::Combine(_) => Layout::Frames,
        };
        let code = Box::new(RefCell::new(NativeCode { code, out: Vec::new(), layout }));
        self.all.push(Segment::Native(native.clone(), code));
        self.head = Head::Rows(layout);
    }

    /// A Lua segment of its own.
    fn begin_lua(&mut self) {
        self.all.push(Segment::Lua(self.lua.len()));
        let head = std::mem::replace(&mut self.head, FRAMES);
        self.lua.push(LuaSegment { head, steps: Vec::new(), tail: LuaTail::Frames });
    }

    /// The Lua segment at the end, which begins now unless it is there.
    fn last_lua(&mut self) -> &mut LuaSegment {
        if !matches!(self.all.last(), Some(Segment::Lua(_))) {
            self.begin_lua();
        }
        self.lua.last_mut().expect("there is one now")
    }
}
