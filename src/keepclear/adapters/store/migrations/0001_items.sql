-- The event log: one row for each version of an item, never changed and never deleted.
-- Instants are milliseconds since 1970.
create table event (
    seq integer primary key,
    kind text not null,
    item_id text not null,
    version integer not null,
    party text not null,
    person text not null,
    at_ms integer not null,
    standing text not null,
    state text,                 -- of an operation; null for a zone
    rule text,                  -- of a zone; null for an operation
    priority integer not null,
    start_ms integer not null,
    end_ms integer not null,
    text blob not null,         -- the item as JSON
    statement blob,             -- reserved for the signed statement that the entry stands for
    unique (item_id, version)
) strict;

-- The latest version of each item, and its volumes as arrays, from which the picture is filled at the
-- start without reading every text. Of an item that is over, the arrays are empty.
create table item (
    seq integer primary key references event (seq),
    id text not null unique,
    party text not null,
    priority integer not null,
    rule text,
    is_over integer not null,
    end_ms integer not null,
    counts blob not null,       -- vertices of each ring, int32
    ring_deg blob not null,     -- latitude and longitude of each vertex, float64
    windows_ms blob not null,   -- start and end of each volume, int64
    bands_m blob not null       -- lower and upper height of each volume, float64
) strict;

create index item_current on item (end_ms) where not is_over;
