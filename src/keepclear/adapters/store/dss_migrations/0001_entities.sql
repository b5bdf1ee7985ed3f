-- What is kept now. Instants are microseconds since 1970, for nothing may be rounded here.
-- What it is found by is indexed in memory, anew when the file is opened: so each change writes a few pages
-- at the end of the file, and none at random places.
create table entity (
    n integer primary key,      -- another one with each put: of a number the extent never changes
    kind text not null,
    id text not null,
    manager text not null,
    subscription_id text,       -- of an intent that names one
    end_us integer not null,
    details text not null,      -- the entity as JSON
    extent text not null,       -- its volumes as JSON, as ASTM F3548-21 spells them
    -- A box that surely contains the extent: x, y, z in 2^-30 of a unit vector, height in cm, time in s
    -- from 2060 on.
    x_low integer not null,
    y_low integer not null,
    z_low integer not null,
    h_low integer not null,
    t_low integer not null,
    x_high integer not null,
    y_high integer not null,
    z_high integer not null,
    h_high integer not null,
    t_high integer not null
) strict;

-- What was changed, by whom: never changed, and forgotten when it is old.
create table history (
    seq integer primary key autoincrement,
    kind text not null,
    id text not null,
    removed_id text,            -- the id once more where it was removed, else null
    issuer text not null,
    subject text not null,
    at_us integer not null,
    details text not null,
    extent text not null
) strict;

create index history_removed on history (removed_id, kind);
create index history_at on history (at_us);

create table availability (
    uss_id text primary key,
    details text not null,
    issuer text not null,
    subject text not null,
    at_us integer not null
) strict, without rowid;

-- Errors that others reported.
create table report (
    id text primary key,
    text blob not null,
    issuer text not null,
    subject text not null,
    at_us integer not null
) strict, without rowid;

-- Small things by topic and name.
create table note (
    topic text not null,
    name text not null,
    text text not null,
    at_us integer not null,
    primary key (topic, name)
) strict, without rowid;
