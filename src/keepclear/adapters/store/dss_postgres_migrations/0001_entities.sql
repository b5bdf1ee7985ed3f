-- What is kept now. Instants are microseconds since 1970, for nothing may be rounded here.
create table dss_entity (
    kind text not null,
    id text not null,
    manager text not null,
    subscription_id text,       -- of an intent that names one
    end_us bigint not null,
    details text not null,      -- the entity as JSON
    extent text not null,       -- its volumes as JSON, as ASTM F3548-21 spells them
    terms bigint[] not null,    -- those of dss_cell_term, to delete them by their key
    t_high int not null,        -- as there
    stripes int[] not null,     -- of dss_lock: those that stand for where it is
    primary key (kind, id)
);

create index dss_entity_end on dss_entity (kind, end_us, id);
create index dss_entity_manager on dss_entity (kind, manager, id);
create index dss_entity_subscription on dss_entity (subscription_id, id) where subscription_id is not null;

-- Where the extents are (core/cell_terms.py), each row with a box that surely contains the whole extent:
-- x, y, z in 2^-30 of a unit vector, height in cm, time in s from 2060 on. Terms are looked up by equality in
-- this key, a plain B-tree: what a serializable transaction finds by it, nobody changes unnoticed.
create table dss_cell_term (
    kind text not null,
    term bigint not null,
    t_high int not null,
    id text not null,
    t_low int not null,
    h_low int not null,
    h_high int not null,
    x_low int not null,
    x_high int not null,
    y_low int not null,
    y_high int not null,
    z_low int not null,
    z_high int not null,
    primary key (kind, term, t_high, id)
);

-- Rows that writers lock, in the order of their keys: 0 to 250 stand for places, 251 to 506 for ids, 507 for all
-- who were undone for others; the rest is spare.
create table dss_lock (
    key int primary key
);

insert into dss_lock (key) select n from generate_series(0, 511) as g (n);

-- What was changed, by whom: never changed, and forgotten when it is old.
create sequence dss_history_seq;

create table dss_history (
    seq bigint primary key,
    kind text not null,
    id text not null,
    is_removal boolean not null,
    issuer text not null,
    subject text not null,
    at_us bigint not null,
    details text not null,
    extent text not null
);

create index dss_history_entity on dss_history (kind, id, seq);
create index dss_history_at on dss_history (at_us, seq);

create table dss_availability (
    uss_id text primary key,
    details text not null,
    issuer text not null,
    subject text not null,
    at_us bigint not null
);

-- Errors that others reported.
create table dss_report (
    id text primary key,
    text bytea not null,
    issuer text not null,
    subject text not null,
    at_us bigint not null
);

-- Small things by topic and name.
create table dss_note (
    topic text not null,
    name text not null,
    text text not null,
    at_us bigint not null,
    primary key (topic, name)
);
