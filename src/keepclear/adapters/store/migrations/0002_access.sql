-- Who may do what: tokens of programs and people, and the sessions of browsers. Of both only hashes.
create table token (
    id text primary key,
    hash blob not null unique,
    party text not null,
    person text not null,
    role text not null,
    created_ms integer not null,
    expires_ms integer not null,
    revoked_ms integer
) strict, without rowid;

create table session (
    hash blob primary key,
    token_id text not null references token (id),
    csrf text not null,
    expires_ms integer not null
) strict, without rowid;
