-- The parties that are known, this node's own among them: pinned by people, by their fingerprints.
create table party (
    id text primary key,
    name text not null,
    card text not null,         -- what was pinned: keys, certificate, address
    is_own integer not null,
    pinned_ms integer not null
) strict, without rowid;

-- The logs, one for each party: entries are never changed; one that is withheld may be filled in.
create table entry (
    party text not null,
    n integer not null,
    leaf blob not null,         -- the hash that the tree is over, 32 bytes
    jws blob,                   -- the signed statement; null while it is withheld from this node
    taken_ms integer not null,  -- when this node took it, by its own clock
    unique (party, n)
) strict;

-- Signed heads of logs, as their owners signed them.
create table checkpoint (
    party text not null,
    size integer not null,
    note text not null,
    taken_ms integer not null,
    primary key (party, size)
) strict, without rowid;

-- What witnesses signed of heads: they had seen the log up to there at that time of theirs.
create table cosignature (
    party text not null,
    witness text not null,
    size integer not null,
    at_s integer not null,
    body text not null,         -- the head that was signed
    line text not null,
    taken_ms integer not null,
    primary key (party, witness, size)
) strict, without rowid;

-- Entries that came before those they follow; taken once the gap is filled.
create table quarantine (
    party text not null,
    first integer not null,
    part blob not null,         -- the part of a bundle
    taken_ms integer not null,
    primary key (party, first)
) strict, without rowid;

-- Why this node signs nothing at present, such as after a backup was put in place: others may hold more
-- of its log than it does. No row: it signs.
create table silence (
    reason text primary key
) strict, without rowid;

-- What proves that a party did not keep to its log: both sides of it, kept for ever.
create table evidence (
    id integer primary key,
    party text not null,
    reason text not null,
    content text not null,      -- JSON
    taken_ms integer not null
) strict;
