"""Classes declared like msgspec's: typed fields with defaults, optionally frozen, compared by value."""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple, get_origin, get_type_hints


class _Unset:
    def __repr__(self) -> str:
        return "NODEFAULT"


NODEFAULT: Any = _Unset()


class Meta:
    """Bounds of a value, for `Annotated`. The last three names, for people and schemas, are accepted and ignored."""

    NAMES = ("gt", "ge", "lt", "le", "min_length", "max_length", "title", "description", "extra_json_schema")

    def __init__(self, **bounds: Any) -> None:
        unknown = set(bounds) - set(self.NAMES)
        if unknown:
            raise TypeError(f"The bound {min(unknown)!r} is not supported.")
        self.bounds = bounds

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Meta) and self.bounds == other.bounds

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.bounds)))


class FieldInfo(NamedTuple):
    """One field of a class."""

    name: str
    encode_name: str
    type: Any
    default: Any
    default_factory: Any

    @property
    def required(self) -> bool:
        """Whether the field has no default."""
        return self.default is NODEFAULT and self.default_factory is NODEFAULT


class _Field(NamedTuple):
    default: Any
    default_factory: Any


def field(*, default: Any = NODEFAULT, default_factory: Any = NODEFAULT) -> Any:
    """Declare a field's default, or its factory."""
    return _Field(default, default_factory)


_OPTIONS = ("frozen", "omit_defaults", "forbid_unknown_fields")


class StructMeta(type):
    """Collects the fields of a class and its bases, positional ones first."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> "StructMeta":
        """Create the class. A default in the class body becomes the field's default, not a class attribute."""
        own = [each for each in namespace.get("__annotations__", {}) if not _is_class_wide(namespace, each)]
        given = {each: namespace.pop(each) for each in own if each in namespace}
        made = super().__new__(mcs, name, bases, namespace)
        defaults: dict[str, _Field] = {}
        by_name: list[str] = []
        positional: list[str] = []
        settings = dict.fromkeys(_OPTIONS, False)
        for base in reversed(made.__mro__[1:]):
            if isinstance(base, StructMeta):
                settings.update({key: value for key, value in base.struct_settings.items() if value})
                defaults.update(base.struct_defaults)
                positional += [each for each in base.struct_positional if each not in positional]
                by_name += [each for each in base.struct_by_name if each not in by_name]
        settings.update({key: bool(options[key]) for key in _OPTIONS if key in options})
        for each in own:
            defaults[each] = _default(given.get(each, NODEFAULT))
            for names in (positional, by_name):
                if each in names:
                    names.remove(each)
            (by_name if options.get("kw_only") else positional).append(each)
        made.struct_settings, made.struct_defaults = settings, defaults
        made.struct_positional, made.struct_by_name = positional, by_name
        made.__struct_fields__ = (*positional, *by_name)
        made.struct_types = None
        return made

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_options: Any) -> None:
        super().__init__(name, bases, namespace)

    struct_settings: dict[str, bool]
    struct_defaults: dict[str, _Field]
    struct_positional: list[str]
    struct_by_name: list[str]
    struct_types: dict[str, Any] | None
    __struct_fields__: tuple[str, ...]


def _is_class_wide(namespace: dict[str, Any], name: str) -> bool:
    kind = namespace["__annotations__"][name]
    return kind is ClassVar or get_origin(kind) is ClassVar


def _default(given: Any) -> _Field:
    if isinstance(given, _Field):
        return given
    if type(given) in (list, dict, set) and not given:
        return _Field(NODEFAULT, type(given))
    return _Field(given, NODEFAULT)


class Struct(metaclass=StructMeta):
    """Base of all structs."""

    def __init__(self, *values: Any, **named: Any) -> None:
        cls = type(self)
        if len(values) > len(cls.struct_positional):
            raise TypeError("Extra positional arguments provided")
        here = dict(zip(cls.struct_positional, values, strict=False))
        for name, value in named.items():
            if name not in cls.struct_defaults:
                raise TypeError(f"Unexpected keyword argument {name!r}")
            if name in here:
                raise TypeError(f"Argument {name!r} given by name and position")
            here[name] = value
        put = self.__dict__
        for name in cls.__struct_fields__:
            put[name] = here[name] if name in here else default_make(cls, name)

    def __setattr__(self, name: str, value: Any) -> None:
        cls = type(self)
        if cls.struct_settings["frozen"]:
            raise AttributeError(f"immutable type: {cls.__name__!r}")
        if name not in cls.struct_defaults:
            raise AttributeError(f"{cls.__name__!r} object has no attribute {name!r}")
        self.__dict__[name] = value

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if type(self) is type(other) else NotImplemented

    def __hash__(self) -> int:
        if not type(self).struct_settings["frozen"]:
            raise TypeError(f"unhashable type: {type(self).__name__!r}")
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={self.__dict__[name]!r}" for name in type(self).__struct_fields__)
        return f"{type(self).__name__}({shown})"

    def __copy__(self) -> Any:
        return replace(self)


def default_make(cls: StructMeta, name: str) -> Any:
    """Return or create a field's default. Raises TypeError if it has none."""
    known = cls.struct_defaults[name]
    if known.default_factory is not NODEFAULT:
        return known.default_factory()
    if known.default is NODEFAULT:
        raise TypeError(f"Missing required argument {name!r}")
    return known.default


def struct_new(cls: Any, values: dict[str, Any]) -> Any:
    """Create an instance from values that were already checked."""
    made = cls.__new__(cls)
    made.__dict__.update(values)
    return made


def types_of(cls: StructMeta) -> dict[str, Any]:
    """The types of the fields, with annotations. Resolved on first use, because names may be defined later."""
    if cls.struct_types is None:
        hints = get_type_hints(cls, include_extras=True)
        cls.struct_types = {name: hints[name] for name in cls.__struct_fields__}
    return cls.struct_types


def replace(struct: Any, /, **changes: Any) -> Any:
    """Return a copy with changed fields."""
    cls = type(struct)
    for name in changes:
        if name not in cls.struct_defaults:
            raise TypeError(f"{cls.__name__!r} has no field {name!r}")
    return struct_new(cls, {**struct.__dict__, **changes})


def asdict(struct: Any) -> dict[str, Any]:
    """The fields of a struct by name."""
    return dict(struct.__dict__)


def fields(kind: Any) -> tuple[FieldInfo, ...]:
    """The fields of a class or an instance."""
    cls = kind if isinstance(kind, type) else type(kind)
    return tuple(_infos(cls))


def _infos(cls: Any) -> Iterator[FieldInfo]:
    for name, kind in types_of(cls).items():
        known = cls.struct_defaults[name]
        yield FieldInfo(name, name, kind, known.default, known.default_factory)
