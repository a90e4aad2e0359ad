//! A row into a type, where all is right: in one go, with every value read once.
//!
//! A newcomer's trap: what is wrong is not said here. A row that does not fit is read again by
//! [`super::read`], which knows columns by their numbers; so both must take the same rows.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, SeqAccess, Visitor};

use super::{TypedError, read};
use crate::row::msgpack::{self, Value};

/// Decodes a row.
#[inline]
pub(crate) fn from_payload<'de, T: Deserialize<'de>>(payload: &'de [u8]) -> Result<T, TypedError> {
    let mut rest = payload;
    match T::deserialize(Row { rest: &mut rest }) {
        Ok(row) if rest.is_empty() => Ok(row),
        _ => read::from_payload(payload),
    }
}

/// Something does not fit.
#[derive(Debug)]
struct Misfit;

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the row does not fit the type")
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(_: T) -> Misfit {
        Misfit
    }
}

impl From<msgpack::Malformed> for Misfit {
    fn from(_: msgpack::Malformed) -> Misfit {
        Misfit
    }
}

/// The columns of a row that have not been read.
struct Row<'a, 'de> {
    rest: &'a mut &'de [u8],
}

impl<'a, 'de> Row<'a, 'de> {
    fn only(self) -> Column<'a, 'de> {
        Column { rest: self.rest }
    }

    /// So many columns are wanted, or as many as there are.
    #[inline]
    fn visit<V: Visitor<'de>>(self, visitor: V, wanted: Option<usize>) -> Result<V::Value, Misfit> {
        let mut columns = Columns { rest: self.rest, read: 0 };
        let value = visitor.visit_seq(&mut columns)?;
        match wanted {
            // A type may do with less than it says.
            Some(wanted) if wanted != columns.read => Err(Misfit),
            _ => Ok(value),
        }
    }
}

struct Columns<'a, 'de> {
    rest: &'a mut &'de [u8],
    read: usize,
}

impl<'de> SeqAccess<'de> for &mut Columns<'_, 'de> {
    type Error = Misfit;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Misfit> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.read += 1;
        seed.deserialize(Column { rest: self.rest }).map(Some)
    }
}

/// Methods that hand a row's only column on.
macro_rules! only_column {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value, Misfit> {
            self.only().$method($($argument,)* visitor)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Row<'_, 'de> {
    type Error = Misfit;

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        // A row without columns is none.
        if self.rest.is_empty() { Err(Misfit) } else { self.visit(visitor, None) }
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        if self.rest.is_empty() { Err(Misfit) } else { self.visit(visitor, Some(len)) }
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.deserialize_tuple(len, visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        if name == rmp_serde::MSGPACK_EXT_STRUCT_NAME {
            return Err(Misfit);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if msgpack::skip(self.rest)? == self.rest.len() {
            return self.only().deserialize_any(visitor);
        }
        self.visit(visitor, None)
    }

    /// A row that nobody wants is looked through all the same.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Misfit> {
        Err(Misfit)
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

/// The next column, to be decoded.
struct Column<'a, 'de> {
    rest: &'a mut &'de [u8],
}

impl<'de> Column<'_, 'de> {
    /// The head of the column, which is behind us then.
    #[inline]
    fn head(self) -> Result<Value<'de>, Misfit> {
        let (value, used) = msgpack::head(self.rest)?;
        *self.rest = &self.rest[used..];
        Ok(value)
    }

    /// The bytes of the column, which is behind us then.
    fn bytes(self) -> Result<&'de [u8], Misfit> {
        let (column, rest) = self.rest.split_at(msgpack::skip(self.rest)?);
        *self.rest = rest;
        Ok(column)
    }

    #[inline]
    fn number<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.head()? {
            Value::Int(number) => match u64::try_from(number) {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => visitor.visit_i64(number),
            },
            Value::UInt(number) => visitor.visit_u64(number),
            Value::Float(number) => visitor.visit_f64(number),
            _ => Err(Misfit),
        }
    }

    #[inline]
    fn text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let Value::Str(text) = self.head()? else { return Err(Misfit) };
        visitor.visit_borrowed_str(std::str::from_utf8(text).map_err(|_| Misfit)?)
    }

    fn data<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let Value::Bin(data) = self.head()? else { return Err(Misfit) };
        visitor.visit_borrowed_bytes(data)
    }
}

/// Methods that read one value.
macro_rules! reads {
    ($($read:ident: $($method:ident)*;)*) => {$($(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            self.$read(visitor)
        }
    )*)*};
}

/// Methods that `rmp_serde` does.
macro_rules! by_rmp {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value, Misfit> {
            rmp_serde::Deserializer::from_read_ref(self.bytes()?)
                .with_human_readable()
                .$method($($argument,)* visitor)
                .map_err(|_| Misfit)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Column<'_, 'de> {
    type Error = Misfit;

    reads! {
        number: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
            deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
            deserialize_f32 deserialize_f64;
        text: deserialize_char deserialize_str deserialize_string deserialize_identifier;
        data: deserialize_bytes deserialize_byte_buf;
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let Value::Bool(value) = self.head()? else { return Err(Misfit) };
        visitor.visit_bool(value)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if msgpack::head(self.rest)?.0 != Value::Nil {
            return visitor.visit_some(self);
        }
        self.head()?;
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.head()? {
            Value::Nil => visitor.visit_unit(),
            _ => Err(Misfit),
        }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        if name != rmp_serde::MSGPACK_EXT_STRUCT_NAME {
            return visitor.visit_newtype_struct(self);
        }
        rmp_serde::Deserializer::from_read_ref(self.bytes()?)
            .deserialize_newtype_struct(name, visitor)
            .map_err(|_| Misfit)
    }

    by_rmp! {
        deserialize_any()
        deserialize_unit_struct(name: &'static str)
        deserialize_seq()
        deserialize_tuple(len: usize)
        deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
        deserialize_ignored_any()
    }
}
