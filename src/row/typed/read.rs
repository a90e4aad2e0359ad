//! A row into a type: the columns for tuples and structs, one column for all else.
//!
//! A newcomer's trap: there are two deserializers. [`Row`] decides what takes the columns;
//! [`Column`] decodes one of them, and knows its number when something is wrong. Rows that are right
//! rarely come here: see [`super::quick`].

use serde::de::{self, Deserialize, DeserializeSeed, SeqAccess, Visitor};

use super::TypedError;
use crate::row::describe::describe_head;
use crate::row::msgpack::{self, Columns, Value};

/// Decodes a row.
pub(crate) fn from_payload<'de, T: Deserialize<'de>>(payload: &'de [u8]) -> Result<T, TypedError> {
    let columns = msgpack::validate(payload)?;
    T::deserialize(Row { payload, columns })
}

/// Invariant: `payload` holds `columns` well-formed values, at least one.
struct Row<'de> {
    payload: &'de [u8],
    columns: u32,
}

impl<'de> Row<'de> {
    fn expect_width(&self, expected: usize) -> Result<(), TypedError> {
        if expected == self.columns as usize {
            return Ok(());
        }
        let expected = u32::try_from(expected).unwrap_or(u32::MAX);
        Err(TypedError::Width { expected, found: self.columns })
    }

    fn only(self) -> Result<Column<'de>, TypedError> {
        self.expect_width(1)?;
        Ok(Column { bytes: self.payload, number: 1 })
    }

    fn visit_columns<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        let mut rest =
            Rest { columns: msgpack::columns(self.payload), read: 0, total: self.columns };
        let value = visitor.visit_seq(&mut rest)?;
        if rest.read < rest.total {
            return Err(TypedError::Width { expected: rest.read, found: rest.total });
        }
        Ok(value)
    }
}

struct Rest<'de> {
    columns: Columns<'de>,
    read: u32,
    total: u32,
}

impl<'de> SeqAccess<'de> for &mut Rest<'de> {
    type Error = TypedError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, TypedError> {
        let Some(bytes) = self.columns.next().transpose()? else {
            return Ok(None);
        };
        self.read += 1;
        seed.deserialize(Column { bytes, number: self.read }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some((self.total - self.read) as usize)
    }
}

/// Methods that hand a row's only column on.
macro_rules! only_column {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value, TypedError> {
            self.only()?.$method($($argument,)* visitor)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Row<'de> {
    type Error = TypedError;

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        self.visit_columns(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        self.expect_width(len)?;
        self.visit_columns(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        if name == rmp_serde::MSGPACK_EXT_STRUCT_NAME {
            return self.only()?.deserialize_newtype_struct(name, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    /// A dynamic type sees the only column as itself, several as an array.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        if self.columns == 1 {
            return self.only()?.deserialize_any(visitor);
        }
        self.visit_columns(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        visitor.visit_unit()
    }

    only_column! {
        deserialize_bool() deserialize_char() deserialize_str() deserialize_string()
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_bytes() deserialize_byte_buf()
        deserialize_option() deserialize_unit() deserialize_unit_struct(name: &'static str)
        deserialize_map() deserialize_identifier()
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }
}

/// One column, to be decoded.
struct Column<'de> {
    bytes: &'de [u8],
    number: u32,
}

impl<'de> Column<'de> {
    fn at_column(number: u32, error: rmp_serde::decode::Error) -> TypedError {
        TypedError::Column { column: number, message: error.to_string() }
    }

    /// Text where a number is asked for has an error of its own, because it has a remedy.
    fn expect_number(&self) -> Result<(), TypedError> {
        match msgpack::head(self.bytes)?.0 {
            value @ (Value::Str(_) | Value::Bin(_)) => {
                Err(TypedError::TextForNumber { column: self.number, text: describe_head(value) })
            }
            _ => Ok(()),
        }
    }
}

impl Column<'_> {
    /// Bytes where text is asked for come from files in another encoding.
    fn expect_text(&self) -> Result<(), TypedError> {
        match msgpack::head(self.bytes)?.0 {
            value @ Value::Bin(bytes) if std::str::from_utf8(bytes).is_err() => {
                Err(TypedError::BytesForText { column: self.number, bytes: describe_head(value) })
            }
            _ => Ok(()),
        }
    }
}

/// Methods that `rmp_serde` does.
macro_rules! by_rmp {
    ($($method:ident($($argument:ident: $type:ty),*) $(after $check:ident)?;)*) => {$(
        fn $method<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value, TypedError> {
            $(self.$check()?;)?
            rmp_serde::Deserializer::from_read_ref(self.bytes)
                .with_human_readable()
                .$method($($argument,)* visitor)
                .map_err(|error| Self::at_column(self.number, error))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Column<'de> {
    type Error = TypedError;

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypedError> {
        match msgpack::head(self.bytes)?.0 {
            Value::Nil => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, TypedError> {
        if name != rmp_serde::MSGPACK_EXT_STRUCT_NAME {
            return visitor.visit_newtype_struct(self);
        }
        rmp_serde::Deserializer::from_read_ref(self.bytes)
            .deserialize_newtype_struct(name, visitor)
            .map_err(|error| Self::at_column(self.number, error))
    }

    by_rmp! {
        deserialize_i8() after expect_number;
        deserialize_i16() after expect_number;
        deserialize_i32() after expect_number;
        deserialize_i64() after expect_number;
        deserialize_i128() after expect_number;
        deserialize_u8() after expect_number;
        deserialize_u16() after expect_number;
        deserialize_u32() after expect_number;
        deserialize_u64() after expect_number;
        deserialize_u128() after expect_number;
        deserialize_f32() after expect_number;
        deserialize_f64() after expect_number;
        deserialize_any();
        deserialize_bool();
        deserialize_char() after expect_text;
        deserialize_str() after expect_text;
        deserialize_string() after expect_text;
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }
}
