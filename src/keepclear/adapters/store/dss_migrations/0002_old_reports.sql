-- Reports are forgotten when they are old, as the history is.
create index report_at on report (at_us);
