//! Compiling user code: the text of a step, and the code given to `lua(code)`.
//!
//! A newcomer's trap: a step's text is an expression, compiled behind `return`, so that line 1 of
//! its errors is line 1 of the text; chunks are named `gleamflow:STEP`, which is how errors are
//! traced back.

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua};

use super::heap::State;
use crate::error::{ErrorKind, Failure};
use crate::plan::chain::Code;

/// Checks the syntax of all code of a flow before anything starts. The flag says whether a code
/// is a function expression; else it is a chunk of statements.
///
/// # Errors
/// The first error of syntax, with its step and line.
pub(crate) fn check_syntax(codes: &[(&Code, bool)]) -> Result<(), Failure> {
    if codes.is_empty() {
        return Ok(());
    }
    let lua = State::new();
    for (code, is_expression) in codes {
        if *is_expression {
            compile_expression(&lua, code)?;
        } else {
            compile_chunk(&lua, code)?;
        }
    }
    Ok(())
}

/// A function that gives the step's function.
pub(super) fn compile_expression(lua: &Lua, code: &Code) -> Result<Function, Failure> {
    // The parentheses allow one value only, and the line feed ends a comment at the text's end.
    if let Ok(function) = load(lua, code, &format!("return ({}\n)", code.text)) {
        return Ok(function);
    }
    // Without them the message speaks of the user's text alone.
    let failure = match load(lua, code, &format!("return {}", code.text)) {
        Ok(_) => Failure::new(ErrorKind::Plan, "expected one function").at_step(code.step),
        Err(failure) => failure,
    };
    if code.text.trim_start().trim_start_matches('(').starts_with("function") {
        return Err(failure);
    }
    Err(failure.hint(
        "a step takes a function, such as `function(x) return x end`; other code goes into `lua`",
    ))
}

/// The code as a function.
pub(super) fn compile_chunk(lua: &Lua, code: &Code) -> Result<Function, Failure> {
    load(lua, code, &code.text)
}

fn load(lua: &Lua, code: &Code, text: &str) -> Result<Function, Failure> {
    let name = format!("=gleamflow:{}", code.step);
    let chunk = lua.load(text).set_name(name).set_mode(ChunkMode::Text);
    chunk.into_function().map_err(|error| {
        let text = match error {
            mlua::Error::SyntaxError { message, .. } => message,
            mlua::Error::MemoryError(_) => {
                return Failure::new(ErrorKind::Memory, "no memory is left to compile the code")
                    .at_step(code.step);
            }
            other => other.to_string(),
        };
        let (line, message) = split_place(&text, code.step);
        let mut failure = Failure::new(ErrorKind::Plan, message).at_step(code.step);
        failure.code_line = line;
        failure
    })
}

/// `gleamflow:7:3: what` into line 3 and the rest.
fn split_place(text: &str, step: u32) -> (Option<u32>, &str) {
    let rest = text.strip_prefix(&format!("gleamflow:{step}:"));
    match rest.and_then(|rest| rest.split_once(": ")) {
        Some((line, message)) if line.parse::<u32>().is_ok() => (line.parse().ok(), message),
        _ => (None, text),
    }
}
