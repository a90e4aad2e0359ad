//! One column, and what is nested in it.
//!
//! A newcomer's trap: struct and variants are maps here, whatever they are as a row; and an integer of
//! 128 bits is one of 64, or an error.

use serde::ser::{self, Serialize, Serializer};

use super::TypedError;
use crate::row::msgpack::{self, DEPTH_LIMIT, Malformed};

/// What is said of an integer that no column holds.
pub(super) const TOO_WIDE: &str = "an integer has at most 64 bits here";

/// One value, within so many others: a column within none.
pub(super) struct Column<'a> {
    out: &'a mut Vec<u8>,
    depth: u32,
}

impl<'a> Column<'a> {
    /// The next column of a row.
    #[inline]
    pub(super) fn of_row(out: &'a mut Vec<u8>) -> Column<'a> {
        Column { out, depth: 0 }
    }

    /// Begins a list or a map of about `len`.
    fn begin(self, is_map: bool, len: Option<usize>) -> Result<Nested<'a>, TypedError> {
        let depth = self.depth + 1;
        if depth > DEPTH_LIMIT {
            return Err(Malformed::TooDeep.into());
        }
        let (head, told) = (self.out.len(), len.unwrap_or(0));
        put_len(self.out, is_map, told)?;
        let body = self.out.len();
        Ok(Nested { out: self.out, depth, is_map, head, body, told, count: 0 })
    }

    /// Begins the map whose only key is a variant's name.
    fn variant(self, name: &str) -> Result<Column<'a>, TypedError> {
        let Nested { out, depth, .. } = self.begin(true, Some(1))?;
        msgpack::put_str(out, name.as_bytes());
        Ok(Column { out, depth })
    }

    fn put(self, put: impl FnOnce(&mut Vec<u8>)) -> Result<(), TypedError> {
        put(self.out);
        Ok(())
    }
}

fn put_len(out: &mut Vec<u8>, is_map: bool, len: usize) -> Result<(), TypedError> {
    let too_many = |_| TypedError::Other(format!("{len} elements are too many for a column"));
    let len = u32::try_from(len).map_err(too_many)?;
    if is_map {
        msgpack::put_map_len(out, len)
    } else {
        msgpack::put_array_len(out, len)
    }
    Ok(())
}

/// Methods that write one value.
macro_rules! puts {
    ($($method:ident($($argument:ident: $type:ty),*) => $put:expr;)*) => {$(
        #[inline]
        fn $method(self, $($argument: $type),*) -> Result<(), TypedError> {
            self.put($put)
        }
    )*};
}

impl<'a> Serializer for Column<'a> {
    type Ok = ();
    type Error = TypedError;
    type SerializeSeq = Nested<'a>;
    type SerializeTuple = Nested<'a>;
    type SerializeTupleStruct = Nested<'a>;
    type SerializeTupleVariant = Nested<'a>;
    type SerializeMap = Nested<'a>;
    type SerializeStruct = Nested<'a>;
    type SerializeStructVariant = Nested<'a>;

    puts! {
        serialize_bool(value: bool) => |out| msgpack::put_bool(out, value);
        serialize_i8(value: i8) => |out| msgpack::put_int(out, value.into());
        serialize_i16(value: i16) => |out| msgpack::put_int(out, value.into());
        serialize_i32(value: i32) => |out| msgpack::put_int(out, value.into());
        serialize_i64(value: i64) => |out| msgpack::put_int(out, value);
        serialize_u8(value: u8) => |out| msgpack::put_uint(out, value.into());
        serialize_u16(value: u16) => |out| msgpack::put_uint(out, value.into());
        serialize_u32(value: u32) => |out| msgpack::put_uint(out, value.into());
        serialize_u64(value: u64) => |out| msgpack::put_uint(out, value);
        serialize_f64(value: f64) => |out| msgpack::put_float(out, value);
        serialize_str(value: &str) => |out| msgpack::put_str(out, value.as_bytes());
        serialize_bytes(value: &[u8]) => |out| msgpack::put_bin(out, value);
        serialize_none() => msgpack::put_nil;
        serialize_unit() => msgpack::put_nil;
        serialize_unit_struct(_name: &'static str) => |out| msgpack::put_array_len(out, 0);
        serialize_unit_variant(_name: &'static str, _index: u32, variant: &'static str) =>
            |out| msgpack::put_str(out, variant.as_bytes());
    }

    /// As it is: a single that is read back as a double would not be the same text.
    fn serialize_f32(self, value: f32) -> Result<(), TypedError> {
        self.out.push(0xca);
        self.out.extend_from_slice(&value.to_be_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), TypedError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_i128(self, value: i128) -> Result<(), TypedError> {
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => self.serialize_i64(value),
            (_, Ok(value)) => self.serialize_u64(value),
            _ => Err(TypedError::Other(TOO_WIDE.to_owned())),
        }
    }

    fn serialize_u128(self, value: u128) -> Result<(), TypedError> {
        match u64::try_from(value) {
            Ok(value) => self.serialize_u64(value),
            Err(_) => Err(TypedError::Other(TOO_WIDE.to_owned())),
        }
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), TypedError> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), TypedError> {
        if name != rmp_serde::MSGPACK_EXT_STRUCT_NAME {
            return value.serialize(self);
        }
        rmp_serde::Serializer::new(self.out)
            .serialize_newtype_struct(name, value)
            .map_err(|error| TypedError::Other(error.to_string()))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), TypedError> {
        value.serialize(self.variant(variant)?)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Nested<'a>, TypedError> {
        self.begin(false, len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Nested<'a>, TypedError> {
        self.begin(false, Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Nested<'a>, TypedError> {
        self.begin(false, Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Nested<'a>, TypedError> {
        self.variant(variant)?.begin(false, Some(len))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Nested<'a>, TypedError> {
        self.begin(true, len)
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Nested<'a>, TypedError> {
        self.begin(true, Some(len))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Nested<'a>, TypedError> {
        self.variant(variant)?.begin(true, Some(len))
    }
}

/// A list or a map within a column. Its length stands before it, as it was told; where it was not,
/// or wrongly, that is mended at the end.
pub(super) struct Nested<'a> {
    out: &'a mut Vec<u8>,
    depth: u32,
    is_map: bool,
    /// Where its length stands, and what follows.
    head: usize,
    body: usize,
    told: usize,
    count: usize,
}

impl Nested<'_> {
    #[inline]
    fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TypedError> {
        value.serialize(Column { out: self.out, depth: self.depth })
    }

    fn finish(self) -> Result<(), TypedError> {
        if self.count != self.told {
            let elements = self.out.split_off(self.body);
            self.out.truncate(self.head);
            put_len(self.out, self.is_map, self.count)?;
            self.out.extend_from_slice(&elements);
        }
        Ok(())
    }
}

/// Elements of a list, and fields of a map.
macro_rules! elements {
    ($($trait:ident::$method:ident($($name:ident)?))*) => {$(
        impl ser::$trait for Nested<'_> {
            type Ok = ();
            type Error = TypedError;

            #[inline]
            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($name: &'static str,)?
                value: &T,
            ) -> Result<(), TypedError> {
                self.count += 1;
                $(msgpack::put_str(self.out, $name.as_bytes());)?
                self.put(value)
            }

            fn end(self) -> Result<(), TypedError> {
                self.finish()
            }
        }
    )*};
}

elements! {
    SerializeSeq::serialize_element()
    SerializeTuple::serialize_element()
    SerializeTupleStruct::serialize_field()
    SerializeTupleVariant::serialize_field()
    SerializeStruct::serialize_field(name)
    SerializeStructVariant::serialize_field(name)
}

impl ser::SerializeMap for Nested<'_> {
    type Ok = ();
    type Error = TypedError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), TypedError> {
        self.count += 1;
        self.put(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TypedError> {
        self.put(value)
    }

    fn end(self) -> Result<(), TypedError> {
        self.finish()
    }
}
