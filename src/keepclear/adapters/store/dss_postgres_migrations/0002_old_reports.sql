-- Reports are forgotten when they are old, as the history is.
create index dss_report_at on dss_report (at_us, id);
