//! Where one visible character ends and the next begins, by the extended grapheme clusters of Unicode 10.0 as the
//! reference calculator applies them. It departs from UAX #29 in a few long sequences (a modifier after two
//! extending characters, a flag after a prepended mark); those departures are kept, because our segment counts
//! have to be the ones people see elsewhere. Not a general grapheme library.

use super::break_classes::RANGES;

/// The grapheme break property of one character.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    Cr,
    Lf,
    Control,
    Extend,
    RegionalIndicator,
    SpacingMark,
    L,
    V,
    T,
    Lv,
    Lvt,
    Other,
    Prepend,
    Base,
    Modifier,
    Zwj,
    Glue,
    BaseGlue,
}

/// A regional indicator's place within a cluster, after its first character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flags {
    None,
    /// All of them stand directly after the first character.
    Leading,
    Elsewhere,
}

impl Class {
    pub(super) fn of(character: char) -> Self {
        let code = u32::from(character);
        if (0x20..0x7f).contains(&code) {
            return Self::Other;
        }
        if (0xac00..=0xd7a3).contains(&code) {
            return if (code - 0xac00).is_multiple_of(28) { Self::Lv } else { Self::Lvt };
        }
        let after = RANGES.partition_point(|(first, _, _)| *first <= code);
        match after.checked_sub(1).map(|place| RANGES[place]) {
            Some((_, last, class)) if code <= last => class,
            Some(_) | None => Self::Other,
        }
    }

    fn is_break(self) -> bool {
        matches!(self, Self::Cr | Self::Lf | Self::Control)
    }

    fn is_base(self) -> bool {
        matches!(self, Self::Base | Self::BaseGlue)
    }
}

/// One cluster while it grows: what of its past decides whether the next character still belongs to it.
pub(super) struct Cluster {
    first: Class,
    before_last: Option<Class>,
    last: Class,
    /// More than one character long, and all after the first are `Extend`.
    only_extended: bool,
    has_extend: bool,
    flags: Flags,
    /// Every character after the first so far is a regional indicator.
    only_flags: bool,
}

impl Cluster {
    pub(super) fn new(first: Class) -> Self {
        let has_extend = first == Class::Extend;
        let (flags, only_flags) = (Flags::None, true);
        Self { first, before_last: None, last: first, only_extended: true, has_extend, flags, only_flags }
    }

    /// Takes `next` in if it belongs to the cluster; says whether it did.
    pub(super) fn take(&mut self, next: Class) -> bool {
        let joins = self.joins(next);
        if joins {
            if next == Class::RegionalIndicator {
                self.flags = if self.only_flags { Flags::Leading } else { Flags::Elsewhere };
            }
            self.only_flags &= next == Class::RegionalIndicator;
            self.only_extended &= next == Class::Extend;
            self.has_extend |= next == Class::Extend;
            self.before_last = Some(self.last);
            self.last = next;
        }
        joins
    }

    fn joins(&self, next: Class) -> bool {
        if self.ends_early(next) {
            return false;
        }
        match (self.last, next) {
            (Class::Cr, Class::Lf) => true,
            (last, next) if last.is_break() || next.is_break() => false,
            (Class::L, Class::L | Class::V | Class::Lv | Class::Lvt)
            | (Class::Lv | Class::V, Class::V | Class::T)
            | (Class::Lvt | Class::T, Class::T)
            | (_, Class::Extend | Class::Zwj | Class::SpacingMark)
            | (Class::Prepend, _)
            | (Class::Zwj, Class::Glue | Class::BaseGlue) => true,
            (_, Class::Modifier) => self.takes_modifier(),
            (Class::RegionalIndicator, Class::RegionalIndicator) => self.flags == Flags::None,
            (_, _) => false,
        }
    }

    /// The two look-aheads that the reference tries before any rule of UAX #29.
    fn ends_early(&self, next: Class) -> bool {
        let grown = self.before_last.is_some();
        let modified = next == Class::Modifier
            && grown
            && self.only_extended
            && !(self.first == Class::Extend || self.first.is_base());
        let in_flag = matches!(self.last, Class::Prepend | Class::RegionalIndicator);
        let flagged =
            if next == Class::RegionalIndicator { self.only_flags } else { self.flags == Flags::Leading };
        modified || flagged && !in_flag
    }

    /// A skin tone joins a base directly, or over exactly one extending character.
    fn takes_modifier(&self) -> bool {
        match self.last {
            Class::Extend => self.before_last.is_some_and(Class::is_base),
            last => last.is_base() && !self.has_extend,
        }
    }
}
