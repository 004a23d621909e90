# dist_man_MANS += %D%/veneer.8
