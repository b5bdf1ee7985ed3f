-- Nothing is looked up by its manager.
drop index dss_entity_manager;
